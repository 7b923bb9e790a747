"""A client's side of the protocol. It keeps nothing: everything follows from its secret of the round.

Four phases, each with whoever is left of the one before: keys, shares, masked input, unmasking. A client's input is
hidden by a mask of its own, from its seed b, and by a mask it shares with each other client, added by one of the two
and subtracted by the other. Of a client that is there to the end the server gets shares of b, of one that is lost,
shares of its mask key: never both.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, final

from metafed.secure.keys import SECRET, Forged, agreed, derived, expanded, opened, public, sealed
from metafed.secure.ring import Ring
from metafed.secure.shamir import PRIME, split

SHARE = 66
"""Bytes of a share: a number below 2^521."""


class Keys(NamedTuple):
    """A client's public keys: for sealed messages, and for masks."""

    messages: bytes
    masks: bytes


class Refused(RuntimeError):
    """A client does not answer: the sum would say too much."""


@final
class Party:
    """One client in one round.

    Args:
        client: Its id.
        secret: 32 bytes that only it knows, of this round.
        server_round: The round.
    """

    def __init__(self, client: int, secret: bytes, server_round: int) -> None:
        self.client, self.round = client, server_round
        self._messages, self._masks = derived(secret, "messages"), derived(secret, "masks")
        self._own, self._coefficients = derived(secret, "own mask"), derived(secret, "coefficients")

    def keys(self) -> Keys:
        """Phase 1: its public keys."""
        return Keys(public(self._messages), public(self._masks))

    def shares(self, everybody: Mapping[int, Keys], threshold: int) -> dict[int, bytes]:
        """Phase 2: shares of its mask key and its seed, sealed for each of the others.

        Args:
            everybody: The keys of all that take part, its own among them.
            threshold: How many shares give a secret back.

        Raises:
            Refused: Too few take part, fewer than two thirds would do, or its own keys are not its own.
        """
        self._check(everybody, threshold)
        masks, own = self._split(everybody, threshold)
        return {
            other: sealed(
                self._between(keys, self.client, other),
                masks[place(other)].to_bytes(SHARE, "big") + own[place(other)].to_bytes(SHARE, "big"),
                self._about(self.client, other),
            )
            for other, keys in everybody.items()
            if other != self.client
        }

    def masked(self, vector: Ring, everybody: Mapping[int, Keys], threshold: int, sharing: Sequence[int]) -> Ring:
        """Phase 3: its input under all masks, which are of this question only: of these keys, and these clients.

        Args:
            vector: Its input.
            everybody: All keys.
            threshold: How many clients must be left to the end.
            sharing: The clients whose shares arrived; it is one of them.

        Raises:
            Refused: Fewer than ``threshold`` share, or others than those that sent keys, or its keys are not its own.
        """
        self.check_sharing(everybody, threshold, sharing)
        about = question(everybody, threshold, sharing, self.round)
        hidden = vector + expanded(mask_seed(self._own, about), len(vector))
        for other in sharing:
            if other != self.client:
                pair = agreed(self._masks, everybody[other].masks, "mask")
                mask = expanded(mask_seed(pair, about), len(vector))
                hidden = hidden + mask if self.client < other else hidden - mask
        return hidden

    def check_sharing(self, everybody: Mapping[int, Keys], threshold: int, sharing: Sequence[int]) -> None:
        """Refuse what phase 3 may not ask, which is known before anything is trained; see ``masked``.

        Raises:
            Refused: As ``masked``.
        """
        self._check(everybody, threshold)
        if len(set(sharing)) < max(threshold, len(sharing)) or not {self.client} <= set(sharing) <= set(everybody):
            raise Refused(f"{len(set(sharing))} clients share, {threshold} of those that sent keys are needed")

    def unmasking(
        self,
        everybody: Mapping[int, Keys],
        threshold: int,
        sharing: Iterable[int],
        left: Iterable[int],
        sealed_for_it: Mapping[int, bytes],
    ) -> dict[int, int]:
        """Phase 4: a share of each client's secret: of the seed for who is left, of the mask key for who is lost.

        Args:
            everybody: All keys.
            threshold: How many shares give a secret back.
            sharing: The clients whose shares arrived.
            left: Those of them whose masked input arrived.
            sealed_for_it: What the others' shares were sealed as for this client.

        Raises:
            Refused: Too few are left.
            Forged: A share was changed on its way.
        """
        there, remaining = set(sharing), set(left)
        self._check(everybody, threshold)
        if len(remaining) < threshold or not remaining <= there or self.client not in remaining:
            raise Refused(f"{len(remaining)} clients are left, {threshold} are needed")
        _, own = self._split(everybody, threshold)
        found = {self.client: own[place(self.client)]}
        for other in sorted(there - {self.client}):
            if other not in sealed_for_it:
                raise Forged(f"client {other} has shared nothing")
            key = self._between(everybody[other], other, self.client)
            text = opened(key, sealed_for_it[other], self._about(other, self.client))
            half = text[SHARE:] if other in remaining else text[:SHARE]
            found[other] = int.from_bytes(half, "big")
        return found

    def _check(self, everybody: Mapping[int, Keys], threshold: int) -> None:
        check_threshold(threshold, len(everybody))
        if everybody.get(self.client) != self.keys() or len(set(everybody.values())) < len(everybody):
            raise Refused(f"the keys of client {self.client} were changed, or two clients have the same")

    def _split(self, everybody: Mapping[int, Keys], threshold: int) -> tuple[dict[int, int], dict[int, int]]:
        places = [place(client) for client in everybody]
        # coefficients follow from the client's secret and from who takes part: another set has others
        names = derived(self._coefficients, threshold, *_named(everybody))
        return (
            split(int.from_bytes(self._masks, "big"), threshold, places, _Draw(derived(names, "mask key"))),
            split(int.from_bytes(self._own, "big"), threshold, places, _Draw(derived(names, "own seed"))),
        )

    def _between(self, keys: Keys, sender: int, receiver: int) -> bytes:
        # each direction has a key of its own, which seals one message
        return agreed(self._messages, keys.messages, f"{self.round}/{sender}/{receiver}")

    def _about(self, sender: int, receiver: int) -> bytes:
        return f"{self.round}/{sender}/{receiver}".encode()


class _Draw:
    """Uniform numbers below the prime, from a seed."""

    def __init__(self, seed: bytes) -> None:
        self._seed, self._count = seed, 0

    def __call__(self) -> int:
        while True:
            self._count += 1
            wide = b"".join(derived(self._seed, self._count, half) for half in range(3))
            # 521 bits, drawn again in the one case of 2^521 that is the prime itself
            found = int.from_bytes(wide, "big") & PRIME
            if found < PRIME:
                return found


def question(everybody: Mapping[int, Keys], threshold: int, sharing: Iterable[int], server_round: int) -> bytes:
    """Return 32 bytes that say what phase 3 asks: who sent which keys, how many must be left, and whose shares came.

    Masks depend on it. So a server that tells two clients different things gets masks that do not cancel.
    """
    clients = ",".join(map(str, sorted(sharing)))
    return derived(bytes(SECRET), "question", server_round, threshold, clients, *_named(everybody))


def mask_seed(secret: bytes, about: bytes) -> bytes:
    """Return the seed of a mask: of a client's own secret or one of two clients, for the question ``about``."""
    return derived(secret, about.hex())


def _named(everybody: Mapping[int, Keys]) -> list[str]:
    return [f"{c}:{k.messages.hex()}:{k.masks.hex()}" for c, k in sorted(everybody.items())]


def place(client: int) -> int:
    """Return the place of a client's share: 0 holds the secret."""
    return client + 1


def check_threshold(threshold: int, clients: int) -> None:
    """Refuse a threshold with which a server could unmask a client by telling two halves different things.

    Raises:
        Refused: It is half or less, or more than there are.
    """
    if clients < 2 or not clients // 2 < threshold <= clients:
        raise Refused(f"a threshold of {threshold} of {clients} clients is no protection")


def keys_record(keys: Mapping[int, Keys]) -> dict[str, Any]:
    """Return public keys as values of a message."""
    return {
        "clients": list(keys),
        "messages": [own.messages for own in keys.values()],
        "masks": [own.masks for own in keys.values()],
    }


def read_keys(values: Mapping[str, Any]) -> dict[int, Keys]:
    """Read what ``keys_record`` returned.

    Raises:
        ValueError: Its lists differ in length, or a key has not 32 bytes.
    """
    pairs = zip(values["clients"], values["messages"], values["masks"], strict=True)
    keys = {}
    for client, messages, masks in pairs:
        # a number would be taken for a length, and so much memory asked for
        if type(client) is not int or not isinstance(messages, bytes) or not isinstance(masks, bytes):
            raise ValueError("a client is a whole number and a key is bytes")
        keys[client] = Keys(messages, masks)
    if any(len(key) != SECRET for own in keys.values() for key in own):
        raise ValueError(f"a public key has {SECRET} bytes")
    return keys
