"""A host's side of secure aggregation: it speaks for its clients, each of which has secrets of its own."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from flwr.app import ConfigRecord, Context, Message

from metafed.experiment.settings import Experiment
from metafed.federation.roster import Roster
from metafed.messages.packing import Answer
from metafed.secure.input import Masked, exposed, input_of
from metafed.secure.keys import SECRET, derived
from metafed.secure.party import SHARE, Keys, Party, Refused, keys_record, read_keys, threshold_of
from metafed.secure.ring import added

STATE = "secure"
"""Where a node's ``Context.state`` keeps its secret and which rounds it has unmasked."""


class Speaker:
    """Answers for a host's clients in one round.

    Args:
        experiment: What is computed.
        context: The node's; a node of a deployment keeps a secret of its own there. In a pool, which hosts everybody
            for a study, secrets follow from the seed, so that a run repeats bit by bit.
        clients: The clients that the message names, all of this host.
        message: What the server asks.
    """

    def __init__(self, experiment: Experiment, context: Context, clients: Sequence[int], message: Message) -> None:
        self.experiment, self._context = experiment, context
        self.round = int(str(message.content.config_records["ask"]["round"]))
        secret = self._secret()
        self.parties = {c: Party(c, derived(secret, self.round, c), self.round) for c in clients}
        self._request: Mapping[str, Any] = message.content.config_records.get("secure", {})

    def keys(self) -> ConfigRecord:
        """Phase 1."""
        own = {client: party.keys() for client, party in self.parties.items()}
        return ConfigRecord(keys_record(own))

    def shares(self) -> ConfigRecord:
        """Phase 2: what each client seals for the others, in their order."""
        everybody, threshold = self._everybody()
        return ConfigRecord(
            {f"from{c}": list(party.shares(everybody, threshold).values()) for c, party in self.parties.items()}
        )

    def masked(self, answer: Answer, cohort: int) -> Answer:
        """Phase 3: put the sum of the masked inputs of those clients that contributed in the place of their vectors."""
        everybody, sharing = read_keys(self._request), cast(list[int], self._request["sharing"])
        hidden = [
            self.parties[client].masked(input_of(vector, cohort), everybody, sharing)
            for client, vector in answer.own.items()
            if client in sharing
        ]
        clients = [client for client in answer.own if client in sharing]
        return answer._replace(own={}, masked=Masked(clients, added(hidden)) if hidden else None)

    def unmasking(self, roster: Roster) -> ConfigRecord:
        """Phase 4: each client's shares of the others' secrets, in the order of ``sharing``.

        Raises:
            Refused: The sum would say too much, or this node has answered in this round.
        """
        everybody, threshold = self._everybody()
        sharing, left = cast(list[int], self._request["sharing"]), cast(list[int], self._request["left"])
        if (part := exposed(left, lambda client: roster.parts(roster.family(client)))) is not None:
            raise Refused(f"of the clients that are left one alone holds the part {part!r}")
        self._once(left)
        found: dict[str, list[bytes]] = {}
        for client, party in self.parties.items():
            others = [other for other in sharing if other != client]
            sealed = dict(zip(others, cast(list[bytes], self._request[f"for{client}"]), strict=True))
            shares = party.unmasking(everybody, threshold, sharing, left, sealed)
            found[f"from{client}"] = [shares[other].to_bytes(SHARE, "big") for other in sharing]
        return ConfigRecord(dict(found))

    def _everybody(self) -> tuple[dict[int, Keys], int]:
        """Return all keys, and how many clients must be left to the end.

        Raises:
            Refused: The server says another number than the experiment.
        """
        everybody, shares = read_keys(self._request), int(self._request["threshold"])
        wanted = threshold_of(len(everybody), self.experiment.secure.threshold)
        if shares != wanted:
            raise Refused(f"a threshold of {shares} of {len(everybody)} clients; by --secure.threshold it is {wanted}")
        return everybody, shares

    def _secret(self) -> bytes:
        if "partition-id" not in self._context.node_config:
            return derived(str(self.experiment.seed).encode().ljust(SECRET, b"\0"), "study")
        if STATE not in self._context.state:
            self._context.state[STATE] = ConfigRecord({"secret": os.urandom(SECRET), "round": 0, "left": [-1]})
        return cast(bytes, self._context.state.config_records[STATE]["secret"])

    def _once(self, left: Sequence[int]) -> None:
        """Remember what this node unmasked: two different answers in a round would give both secrets of a client away.

        Raises:
            Refused: It has unmasked this round, or a later one, for others.
        """
        if STATE not in self._context.state:
            return
        known = self._context.state.config_records[STATE]
        if self.round < int(str(known["round"])) or (self.round == known["round"] and known["left"] != list(left)):
            raise Refused(f"round {self.round} has been unmasked")
        self._context.state[STATE] = ConfigRecord({**known, "round": self.round, "left": list(left)})
