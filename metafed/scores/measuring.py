"""Scores of a batch of clients, from what a task predicts for their rows."""

from collections.abc import Mapping

import numpy as np
import torch

from metafed.core.episodes import Batch
from metafed.scores import Score
from metafed.tasks.task import Task


def predicted(task: Task, output: torch.Tensor) -> np.ndarray:
    """Return predictions ``(C, N, K)`` in float64: probabilities of classes, or numbers.

    Args:
        task: Whose outputs these are.
        output: What ``predict`` returned, ``(C, N, K)`` or wider: what comes after is no prediction.
    """
    whole = output[..., : task.model.outputs].detach().double().cpu()
    return (whole.softmax(-1) if task.kind == "classification" else whole).numpy()


def measured(scores: Mapping[str, Score], task: Task, output: torch.Tensor, batch: Batch) -> np.ndarray:
    """Return the scores of each client ``(C, E)``, in float64; NaN where undefined or an output is not finite.

    Args:
        scores: By name.
        task: Whose outputs these are.
        output: What ``predict`` returned.
        batch: The rows; a score is given their weights where these are not all 1.
    """
    found = np.full((len(batch.mask), len(scores)), np.nan)
    if not scores:
        return found
    whole = predicted(task, output)
    target, mask = batch.y.cpu().numpy(), batch.mask.cpu().double().numpy()
    weighted = bool(((mask > 0) & (mask != 1)).any())
    for client, own in enumerate(mask > 0):
        rows, counts = whole[client, own], {"weight": mask[client, own]} if weighted else {}
        if np.isfinite(rows).all():
            found[client] = [float(score(target[client, own], rows, **counts)) for score in scores.values()]
    return found


def standing(headline: Score | None, task: Task, output: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the score of each client that counts ``(C,)``: the headline, or the task's own where it is None."""
    if headline is None:
        return task.score(output, batch)
    return torch.from_numpy(measured({"": headline}, task, output, batch)[:, 0])
