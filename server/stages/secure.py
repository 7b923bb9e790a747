"""The server's side of secure aggregation in a round: keys, shares, masked input, unmasking."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, final

from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from metafed.federation.federation import Federation
from metafed.messages.packing import Answer
from metafed.objectives import NOTHING, Contribution
from metafed.secure.input import contribution_of
from metafed.secure.keys import SECRET, Forged, agreed
from metafed.secure.party import SHARE, Keys, keys_record, read_keys
from metafed.secure.settings import threshold_of
from metafed.secure.total import TooFew, unmasked
from server.binding import Asked, numbered, replies_of
from server.hosts import Hosts
from server.stages.base import Plan, Received, Stage

PATIENCE = 600.0
"""Seconds to wait for the answers of one phase."""


@final
class SecureAggregation(Stage):
    """Asks hosts phase by phase; who does not answer in one is left out of the next."""

    name: ClassVar[str] = "secure"

    def __init__(self, federation: Federation) -> None:
        self._share = federation.experiment.secure.threshold
        self._federation, self._layout = federation, federation.layout
        self._grid: Grid | None = None
        self._hosts: Hosts | None = None
        self._round, self._asked = 0, 0
        self._everybody: dict[int, Keys] = {}
        self._sealed: dict[int, dict[int, bytes]] = {}
        self._lost = ""

    @property
    def threshold(self) -> int:
        """How many clients must be left to the end."""
        return threshold_of(len(self._everybody), self._share)

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where sums are not masked."""
        return cls(federation) if federation.experiment.secure.aggregation else None

    def before_round(self, plan: Plan) -> None:
        """Run phases 1 and 2: who is there to be trained; nobody where two do not come together."""
        plan.clients = self._shared(plan.clients, plan.number, plan.grid, plan.hosts)
        plan.records["secure"] = ConfigRecord(
            {**keys_record(self._everybody), "threshold": self.threshold, "sharing": sorted(self._sealed)}
        )

    def before_step(self, received: Received) -> None:
        """Run phase 4: the sum of what clients say."""
        received.total, notes = self._total(received.answers)
        received.notes |= notes

    def _shared(self, clients: Sequence[int], server_round: int, grid: Grid, hosts: Hosts) -> list[int]:
        self._grid, self._hosts, self._round, self._asked = grid, hosts, server_round, len(clients)
        self._everybody, self._sealed, self._lost = {}, {}, ""
        for values, piece in self._answers("keys", clients, {}):
            try:
                found = usable(read_keys(values))
            except (KeyError, TypeError, ValueError):
                continue
            self._everybody |= {client: keys for client, keys in found.items() if client in piece}
        self._everybody = dict(sorted(self._everybody.items()))
        if len(self._everybody) < 2:
            self._lost = f"{len(self._everybody)} clients sent their keys"
            return []
        common = {**keys_record(self._everybody), "threshold": self.threshold}
        for values, piece in self._answers("shares", list(self._everybody), common):
            for client in piece:
                others = [other for other in self._everybody if other != client]
                sealed = values.get(f"from{client}")
                if (
                    isinstance(sealed, list)
                    and len(sealed) == len(others)
                    and all(isinstance(s, bytes) for s in sealed)
                ):
                    self._sealed[client] = dict(zip(others, sealed, strict=True))
        return sorted(self._sealed)

    def _total(self, answers: Iterable[Answer]) -> tuple[Contribution, dict[str, Any]]:
        """Run phase 4 and return the sum of what clients say, and what the round's record says of it."""
        masked = [answer.masked for answer in answers if answer.masked is not None]
        left = sorted(client for each in masked for client in each.clients if client in self._sealed)
        shares: dict[int, dict[int, int]] = {}
        found: Contribution = NOTHING
        try:
            if self._lost:
                raise TooFew(self._lost)
            if len(left) != sum(len(each.clients) for each in masked) or len(left) < self.threshold:
                raise TooFew(f"{len(left)} clients sent a masked input, {self.threshold} are needed")
            shares = self._unmasking(left)
            total = unmasked(
                [each.vector for each in masked],
                self._everybody,
                self.threshold,
                self._sealed,
                left,
                shares,
                self._round,
            )
            found = contribution_of(total, self._layout)
        except (TooFew, Forged) as error:
            self._lost = str(error)
        counts = {"asked": self._asked, "keys": len(self._everybody), "shares": len(self._sealed)}
        return found, {"secure": {**counts, "masked": len(left), "unmasked": len(shares), "lost": self._lost or None}}

    def _unmasking(self, left: Sequence[int]) -> dict[int, dict[int, int]]:
        sharing = sorted(self._sealed)
        common = {**keys_record(self._everybody), "threshold": self.threshold, "sharing": sharing, "left": list(left)}
        own = {
            client: {f"for{client}": [self._sealed[other][client] for other in sharing if other != client]}
            for client in left
        }
        shares: dict[int, dict[int, int]] = {}
        for values, piece in self._answers("unmask", left, common, own):
            for client in piece:
                sealed = values.get(f"from{client}")
                whole = isinstance(sealed, list) and all(isinstance(s, bytes) and len(s) == SHARE for s in sealed)
                if isinstance(sealed, list) and whole and len(sealed) == len(sharing):
                    shares[client] = {o: int.from_bytes(s, "big") for o, s in zip(sharing, sealed, strict=True)}
        return shares

    def _answers(
        self,
        phase: str,
        clients: Sequence[int],
        common: Mapping[str, Any],
        own: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> list[tuple[Mapping[str, Any], list[int]]]:
        """Ask the hosts, and return what those say that answer, each with the clients that it was asked for."""
        assert self._grid is not None, "a round begins with phase 1"
        assert self._hosts is not None, "a round begins with phase 1"
        asked: list[Asked] = []
        for piece in self._pieces(clients):
            record = {**common, **{k: v for client in piece for k, v in (own or {}).get(client, {}).items()}}
            ask = ConfigRecord({"clients": list(piece), "round": self._round})
            content = RecordDict({"ask": ask, "secure": ConfigRecord(record)})
            node = self._hosts.node(piece[0])
            if node is not None:
                message = Message(content, node, f"{MessageType.QUERY}.{phase}")
                asked.append(Asked(piece, numbered(message, f"{phase}/{self._round}/{len(asked)}")))
        return [
            (reply.content.config_records.get("secure", {}), piece)
            for reply, piece in (replies_of(self._grid, asked, PATIENCE) if asked else ())
            if reply.has_content()
        ]

    def _pieces(self, clients: Sequence[int]) -> list[list[int]]:
        assert self._hosts is not None, "a round begins with phase 1"
        if self._hosts.pooled:
            return [chunk for _, chunk in self._federation.chunks(clients)]
        pieces = [[c for c in clients if self._hosts.share(c) == share] for share in range(len(self._hosts.nodes))]
        return [piece for piece in pieces if piece]


def usable(keys: Mapping[int, Keys]) -> dict[int, Keys]:
    """Return the keys with which others can agree on a secret: one that cannot be used would cost others the round."""
    found = {}
    for client, own in keys.items():
        try:
            for key in own:
                agreed(bytes(SECRET), key, "probe")
        except Forged:
            continue
        found[client] = own
    return found
