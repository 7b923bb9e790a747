"""Scores beside a family's own, client by client, of what a task predicts for a batch."""

from collections.abc import Mapping

import numpy as np
import torch

from metafed.core.episodes import Batch
from metafed.scores import Score
from metafed.tasks.task import Task


def measured(scores: Mapping[str, Score], task: Task, output: torch.Tensor, batch: Batch) -> np.ndarray:
    """Return the scores of each client ``(C, E)``, in float64; NaN where undefined or an output is not finite.

    Args:
        scores: By name.
        task: Whose outputs these are.
        output: What ``predict`` returned, ``(C, N, outputs)`` or wider: what comes after is no prediction.
        batch: The rows.
    """
    found = np.full((len(batch.mask), len(scores)), np.nan)
    if not scores:
        return found
    whole = output[..., : task.model.outputs].detach().double().cpu()
    predicted = (whole.softmax(-1) if task.kind == "classification" else whole).numpy()
    target, mask = batch.y.cpu().numpy(), batch.mask.cpu().numpy() > 0
    for client, own in enumerate(mask):
        rows = predicted[client, own]
        if np.isfinite(rows).all():
            found[client] = [float(score(target[client, own], rows)) for score in scores.values()]
    return found
