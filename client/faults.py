"""Faults on purpose, on the host: what ``--faults`` says that clients do is done here, to each client's own update."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

import torch

from metafed.core.streams import stream
from metafed.faults import Fault
from metafed.faults.lies import flipped, sent
from metafed.faults.plan import OMNISCIENT
from metafed.federation.federation import Federation
from metafed.federation.population import Draw
from metafed.messages.packing import Failure
from metafed.messages.reading import check_vectors
from metafed.messages.stated import check_stated
from metafed.messages.typed import BadAnswer
from metafed.tasks.task import Task

LIES = ("nan", "infinity", "sign-flip", "scale", "random")
NO_ANSWER = {
    "crash": "crashed (a fault on purpose)",
    "hang": "did not answer in time: hangs (a fault on purpose)",
}


class Sent(NamedTuple):
    """What a chunk's clients send.

    Attributes:
        flat: Updates ``(C, size)`` a part.
        lost: Those from whom nothing usable comes.
        absent: Clients whose update the server forges; their own is not summed.
    """

    flat: "dict[str, torch.Tensor]"
    lost: Sequence[Failure]
    absent: frozenset[int]


@final
class Faults:
    """Does to chunks what the experiment's faults say; with none, nothing.

    Args:
        federation: Whose clients they are.
    """

    def __init__(self, federation: Federation) -> None:
        self._faults, self._layout, self._seed = federation.faults, federation.layout, federation.experiment.seed
        self._algorithm = federation.experiment.algorithm

    def before(self, clients: Sequence[int], server_round: int) -> None:
        """Hang for as long as the faults say by ``seconds``; one that hangs without costs no time."""
        for fault in self._of(clients, server_round, ("hang",)).values():
            time.sleep(fault.seconds or 0.0)

    def mislabeled(self, draw: Draw, task: Task, clients: Sequence[int], server_round: int) -> Draw:
        """Return the draw with the labels turned around of those that train on false ones."""
        who = self._of(clients, server_round, ("label-flip",))
        if not who:
            return draw
        index = [position for position, client in enumerate(clients) if client in who]
        classes = task.model.outputs if task.kind == "classification" else None
        batches = []
        for batch in draw.episode:
            y = batch.y.clone()
            y[index] = flipped(y[index], classes)
            batches.append(batch._replace(y=y))
        return draw._replace(episode=type(draw.episode)(*batches))

    def sent(self, flat: "Mapping[str, torch.Tensor]", clients: Sequence[int], server_round: int) -> Sent:
        """Return what the clients send, whose honest updates are ``flat (C, size)`` a part."""
        who = self._of(clients, server_round)
        if not who:
            return Sent(dict(flat), (), frozenset())
        changed, lost = {part: rows.clone() for part, rows in flat.items()}, []
        for position, client in enumerate(clients):
            fault = who.get(client)
            if fault is None:
                continue
            if fault.kind in NO_ANSWER and fault.seconds is None:
                lost.append(Failure(client, NO_ANSWER[fault.kind]))
            elif fault.kind in ("shape", *LIES):
                honest = {part: rows[position] for part, rows in flat.items()}
                lie = sent(honest, fault, stream(self._seed, "faults/random", server_round, client))
                if complaint := self._refused(lie, fault.kind):
                    lost.append(Failure(client, complaint))
                    continue
                for part, vector in lie.items():
                    changed[part][position] = vector
        absent = frozenset(client for client, fault in who.items() if fault.kind in OMNISCIENT)
        return Sent(changed, lost, absent)

    def _of(self, clients: Sequence[int], server_round: int, kinds: Sequence[str] | None = None) -> dict[int, Fault]:
        if self._faults is None:
            return {}
        return self._faults.among(clients, server_round, *([] if kinds is None else [kinds]))

    def _refused(self, update: "Mapping[str, torch.Tensor]", kind: str) -> str | None:
        """Have an update checked as the server checks what a host sends; return the complaint, None if there is none.

        That it is finite is checked with those of all others.
        """
        vectors = {part: vector.cpu().numpy() for part, vector in update.items()}
        try:
            if kind == "shape":
                check_vectors(vectors, self._layout)
            else:
                check_stated(self._algorithm, self._layout, vectors, dict.fromkeys(vectors, 1.0), 1)
        except BadAnswer as error:
            return str(error)
        return None
