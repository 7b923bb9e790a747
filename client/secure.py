"""A host's side of secure aggregation: it speaks for its clients, each of which has secrets of its own."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from flwr.app import ConfigRecord, Context, Message

from metafed.core.parameters import Layout
from metafed.federation.federation import Federation
from metafed.federation.roster import Roster
from metafed.messages.packing import Answer
from metafed.secure.input import Masked, input_of, rare, without
from metafed.secure.keys import SECRET, derived
from metafed.secure.party import SHARE, Keys, Party, Refused, keys_record, question, read_keys
from metafed.secure.ring import added
from metafed.secure.settings import threshold_of

STATE = "secure"
"""Where a node's ``Context.state`` keeps its secret, and what it has answered of the last round."""
KEYS, SHARES, TRAIN, UNMASK = 1, 2, 3, 4
"""The phases."""


class Speaker:
    """Answers for a host's clients in one round, once: each phase after the one before, of one list of clients.

    Args:
        federation: What is computed.
        context: The node's; a node of a deployment keeps a secret of its own there, and what it has answered. In a
            pool, which hosts everybody for a study, secrets follow from the seed, so that a run repeats bit by bit.
        clients: The clients that the message names, all of this host.
        message: What the server asks.
    """

    def __init__(self, federation: Federation, context: Context, clients: Sequence[int], message: Message) -> None:
        self.experiment, self._context, self._clients = federation.experiment, context, list(clients)
        self._roster: Roster = federation.roster
        self._layout: Layout = federation.layout
        self.round = int(str(message.content.config_records["ask"]["round"]))
        secret = self._secret()
        self.parties = {c: Party(c, derived(secret, self.round, c), self.round) for c in clients}
        self._request: Mapping[str, Any] = message.content.config_records.get("secure", {})

    def keys(self) -> ConfigRecord:
        """Phase 1.

        Raises:
            Refused: This node has answered in this round.
        """
        self._once(KEYS, b"", b"")
        own = {client: party.keys() for client, party in self.parties.items()}
        return ConfigRecord(keys_record(own))

    def shares(self) -> ConfigRecord:
        """Phase 2: what each client seals for the others, in their order.

        Raises:
            Refused: The threshold is another, keys were changed, or this node has shared in this round.
        """
        everybody, threshold = self._everybody()
        self._once(SHARES, question(everybody, threshold, (), self.round), b"")
        return ConfigRecord(
            {f"from{c}": list(party.shares(everybody, threshold).values()) for c, party in self.parties.items()}
        )

    def before_training(self) -> None:
        """Phase 3, before anything is trained: look at what is asked, and remember it.

        Raises:
            Refused: Too few share, the keys are not those of phase 2, or a client is asked a second time.
        """
        everybody, threshold, sharing = self._sharing()
        listed = question(everybody, threshold, (), self.round)
        self._once(TRAIN, listed, question(everybody, threshold, sharing, self.round))
        for client in set(self.parties) & set(sharing):
            self.parties[client].check_sharing(everybody, threshold, sharing)

    def masked(self, answer: Answer, cohort: int) -> Answer:
        """Phase 3: put the sum of the masked inputs of those clients that contributed in the place of their vectors.

        A part that too few clients of the round hold is left out of every input. ``before_training`` comes first.
        """
        everybody, threshold, sharing = self._sharing()
        few = rare(sharing, self._parts, self.experiment.secure.fewest_of(len(everybody)))
        clients = [client for client in answer.own if client in sharing]
        hidden = [
            self.parties[client].masked(
                without(input_of(answer.own[client], cohort), self._layout, few), everybody, threshold, sharing
            )
            for client in clients
        ]
        return answer._replace(own={}, masked=Masked(clients, added(hidden)) if hidden else None)

    def unmasking(self) -> ConfigRecord:
        """Phase 4: each client's shares of the others' secrets, in the order of ``sharing``.

        Raises:
            Refused: The sum would say too much, the clients that share are not those of phase 3, or this node has
                answered in this round.
        """
        everybody, threshold, sharing = self._sharing()
        left, fewest = cast(list[int], self._request["left"]), self.experiment.secure.fewest_of(len(everybody))
        left_out = rare(sharing, self._parts, fewest)
        if alone := [part for part in rare(left, self._parts, fewest) if part not in left_out]:
            raise Refused(f"of the clients that are left fewer than {fewest} hold the part {alone[0]!r}")
        listed = question(everybody, threshold, (), self.round)
        self._once(UNMASK, listed, question(everybody, threshold, sharing, self.round))
        found: dict[str, list[bytes]] = {}
        for client, party in self.parties.items():
            others = [other for other in sharing if other != client]
            sealed = dict(zip(others, cast(list[bytes], self._request[f"for{client}"]), strict=True))
            shares = party.unmasking(everybody, threshold, sharing, left, sealed)
            found[f"from{client}"] = [shares[other].to_bytes(SHARE, "big") for other in sharing]
        return ConfigRecord(dict(found))

    def _parts(self, client: int) -> Sequence[str]:
        return self._roster.parts(self._roster.family(client))

    def _sharing(self) -> tuple[dict[int, Keys], int, list[int]]:
        everybody, threshold = self._everybody()
        sharing = self._request["sharing"]
        if not isinstance(sharing, list) or not all(type(client) is int for client in sharing):
            raise Refused("the clients that share are a list of whole numbers")
        if not set(sharing) <= set(everybody):
            raise Refused(f"of the {len(set(sharing))} clients that share some have sent no keys")
        return everybody, threshold, sharing

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
            self._context.state[STATE] = ConfigRecord(
                {
                    "secret": os.urandom(SECRET),
                    "round": 0,
                    "phase": UNMASK,
                    "listed": b"",
                    "asked": b"",
                    "trained": [-1],
                }
            )
        return cast(bytes, self._context.state.config_records[STATE]["secret"])

    def _once(self, phase: int, listed: bytes, asked: bytes) -> None:
        """Remember what this node answers: a second answer of a round, to another question, could give a client away.

        A round's clients may be asked to train by several messages, each client by one.

        Args:
            phase: The phase.
            listed: Says whose keys there are, from phase 2 on.
            asked: Says whose shares came besides, from phase 3 on.

        Raises:
            Refused: It has answered this phase, or not the one before, or the server said something else there.
        """
        if STATE not in self._context.state:
            return
        known = self._context.state.config_records[STATE]
        last, reached = int(str(known["round"])), int(str(known["phase"]))
        trained = [int(client) for client in cast(list[int], known["trained"])]
        # further clients of a round that trains already
        more = phase == TRAIN and reached == TRAIN and not set(trained) & set(self._clients)
        if phase == KEYS:
            fits, trained = self.round > last, [-1]
        else:
            in_order = self.round == last and (reached == phase - 1 or more)
            same_list = phase == SHARES or listed == known["listed"]
            same_question = not (more or phase == UNMASK) or asked == known["asked"]
            fits = in_order and same_list and same_question
        if not fits:
            raise Refused(f"round {self.round}, phase {phase}: this node was asked before, or something else before")
        if phase == TRAIN:
            trained += self._clients
        self._context.state[STATE] = ConfigRecord(
            {**known, "round": self.round, "phase": phase, "listed": listed, "asked": asked, "trained": trained}
        )
