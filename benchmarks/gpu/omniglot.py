"""Omniglot, five-way one-shot, by exact MAML for as long as there is time: does a card reach the paper's accuracy?"""

from typing import Any

import numpy as np

from benchmarks.gpu.budget import Part
from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.objectives.base import quotients
from server.outer import Outer

WANTED = 0.985
SETTINGS: dict[str, Any] = {
    "tasks": "omniglot:5w1s",
    "clients": 1_000_000,
    "unseen": 0.2,
    "cohort": 32,
    "chunk": 32,
    "eval_clients": 600,
    "eval_steps": 3,
    "outer_lr": 0.001,
    "algorithm": {"name": "maml", "inner_steps": 1, "inner_lr": 0.4},
    "kernels": "torch",
}
"""As in experiments/omniglot-5w1s-maml.toml, with the cohort of the paper (Finn et al. 2017)."""
STAND_IN: dict[str, Any] = {"tasks": "blob-images", "clients": 10, "cohort": 2, "chunk": 2, "filters": 2}
EVERY = 500
"""Rounds from one evaluation to the next."""


def omniglot(part: Part) -> None:
    """Train until the accuracy of unseen clients is reached or the time is over; the last evaluation has its time."""
    settings = {**SETTINGS, "data_dir": part.data_dir, **(STAND_IN if part.quick else {})}
    federation = Federation(Experiment.model_validate(settings))
    host, outer = Host(federation, part.device), Outer(federation.vectors, *federation.experiment.outer)
    unseen = [client for client in federation.roster.evaluated() if client >= federation.roster.tested]
    number, spare = 0, 0.0
    curve: list[dict[str, Any]] = []
    while not curve or (curve[-1]["accuracy"] < WANTED and part.left > spare and not (part.quick and number > 1)):
        for _ in range(1 if part.quick else EVERY):
            if part.left < spare:
                break
            number += 1
            answer = host.train(outer.theta, federation.roster.cohort(number), number, {})
            if answer.failures:
                raise RuntimeError(answer.failures[0].reason)
            outer.step(quotients(answer.contribution))
        begun = part.left
        tables = host.evaluate(outer.theta, unseen, {}).rows
        scores = np.concatenate([rows.score[:, -1] for rows in tables])
        spare = 1.5 * (begun - part.left)
        curve.append(
            {"round": number, "accuracy": float(scores.mean()), "error": float(scores.std() / len(scores) ** 0.5)}
        )
        part.found |= {"curve": curve, "reached": curve[-1]["accuracy"] >= WANTED, "clients": len(scores)}
        part.tell(part)
