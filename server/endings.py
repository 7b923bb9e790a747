"""How training ends before its last round."""

from collections.abc import Sequence

from metafed.messages.packing import Failure


class Diverged(RuntimeError):
    """Training left the finite numbers.

    Args:
        server_round: The round.
        clients: Who took part, as far as that is known.
        what: What is not finite.
    """

    def __init__(self, server_round: int, clients: Sequence[int], what: str = "no client's update was finite") -> None:
        self.server_round, self.clients = server_round, list(clients)
        named = ", ".join(map(str, self.clients[:10])) + (" …" if len(self.clients) > 10 else "")
        super().__init__(f"round {server_round} diverged: {what}" + (f" (clients {named})" if named else ""))


class NothingEvaluated(RuntimeError):
    """Not one client could be evaluated."""

    def __init__(self, server_round: int, first: Failure) -> None:
        super().__init__(
            f"not one client could be evaluated after round {server_round}; client {first.client}: {first.reason}"
        )
