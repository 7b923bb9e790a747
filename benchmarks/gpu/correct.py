"""Whether a card computes what the CPU does, the same bits each time, and what it does where memory is short."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.budget import Part
from client.host import Host
from metafed.core.parameters import Vectors
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.messages.packing import Answer
from metafed.objectives.base import quotients
from server.outer import Outer

MIXED: dict[str, Any] = {"clients": 12, "cohort": 9}
CONV: dict[str, Any] = {"tasks": "blob-images", "clients": 6, "cohort": 4, "filters": 16, "chunk": 2}
SMALL: dict[str, Any] = {**CONV, "filters": 2, "clients": 3, "cohort": 2}
ALIKE = {"float32": 1e-4, "float64": 1e-9}
"""How far θ may be from the CPU's after the rounds."""
ROOM = 200 * 2**20
"""Bytes that are left for a chunk that takes more."""


def cases(part: Part) -> dict[str, dict[str, Any]]:
    """Return the experiments that are compared."""
    whole = {"mixed": MIXED, "conv": CONV, "conv, group norm": {**CONV, "norm": "group"}}
    return {"conv": SMALL} if part.quick else whole


def theta_after(settings: Mapping[str, Any], device: str, rounds: int = 3) -> Vectors:
    """Return θ after some rounds of a host and the server's outer step, without messages."""
    common = {"eval_every": 0, "outer_optimizer": "sgd", "outer_lr": 0.1, "seed": 5, "kernels": "torch"}
    federation = Federation(Experiment.model_validate({**common, **settings}))
    host, outer = Host(federation, device), Outer(federation.vectors, *federation.experiment.outer, federation.beside)
    for number in range(1, rounds + 1):
        answer = host.train(outer.theta, federation.roster.cohort(number), number, {})
        if answer.failures:
            raise RuntimeError(f"client {answer.failures[0].client} failed: {answer.failures[0].reason}")
        outer.step(quotients(answer.contribution))
    return outer.theta


def parity(part: Part) -> None:
    """Compare θ after three rounds with the CPU's, in both precisions."""
    for name, settings in cases(part).items():
        for precision, allowed in ALIKE.items():
            if part.begins(f"{name}, {precision}"):
                own, other = (
                    theta_after({**settings, "precision": precision}, device, 1 if part.quick else 3)
                    for device in (part.device, "cpu")
                )
                away = max(float(np.abs(own[each] - other[each]).max()) for each in own)
                part.found[f"{name}, {precision}"] = {"away": away, "allowed": allowed, "agrees": away <= allowed}


def determinism(part: Part) -> None:
    """Compare the bits of two runs of the same seed."""
    for name, settings in cases(part).items():
        if part.begins(name):
            first, second = (theta_after(settings, part.device, 1 if part.quick else 3) for _ in range(2))
            part.found[name] = {"same_bits": all(np.array_equal(first[each], second[each]) for each in first)}


def halving(part: Part) -> None:
    """Train a chunk that has no room, in halves, and compare its sum with that of the clients one by one."""
    count, width = (4, 8) if part.quick else (16, 1024)
    settings = {"tasks": "avatar", "clients": count, "unseen": 0.0, "width": width, "chunk": count, "kernels": "torch"}
    experiment = Experiment.model_validate(settings)
    clients = list(range(count))

    def trained(most: int | None = None) -> Answer:
        federation = Federation(experiment)
        return Host(federation, part.device).train(federation.vectors, clients, 1, {}, most=most)

    expected = trained(1)
    with short_of_memory(part.device, count):
        tried = trained()
    away = max(
        float(np.abs(tried.contribution.directions[each] - vector).max())
        for each, vector in expected.contribution.directions.items()
    )
    part.found |= {
        "failures": [failure.reason for failure in tried.failures],
        "halved": [each._asdict() for each in tried.halved],
        "away": away,
    }


@contextmanager
def short_of_memory(device: str, clients: int) -> Iterator[None]:
    """Leave little memory of a card; on a CPU let chunks of all ``clients`` fail as if there were none."""
    if device == "cpu":
        from metafed.algorithms.meta_gradient import MetaGradient

        plain = MetaGradient.update

        def update(self: Any, task: Any, theta: Any, state: Any, episode: Any, *rest: Any) -> Any:
            if len(episode.support.mask) >= clients:
                raise torch.OutOfMemoryError("a stand-in for a card without memory")
            return plain(self, task, theta, state, episode, *rest)

        MetaGradient.update = update  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            MetaGradient.update = plain  # type: ignore[method-assign]
        return
    torch.cuda.empty_cache()
    room = torch.cuda.memory_allocated() + ROOM
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
