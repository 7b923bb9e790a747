"""What is made of a task's predictions for a batch: scores beside a family's own, and what is kept of single rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from metafed.core.episodes import Batch
from metafed.federation.population import Draw
from metafed.messages.predictions import Predictions
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


def measured(
    scores: Mapping[str, Score], task: Task, output: torch.Tensor, batch: Batch, *, weighted: bool = False
) -> np.ndarray:
    """Return the scores of each client ``(C, E)``, in float64; NaN where undefined or an output is not finite.

    Args:
        scores: By name.
        task: Whose outputs these are.
        output: What ``predict`` returned.
        batch: The rows.
        weighted: Whether they have weights.
    """
    found = np.full((len(batch.mask), len(scores)), np.nan)
    if not scores:
        return found
    whole = predicted(task, output)
    target, mask = batch.y.cpu().numpy(), batch.mask.cpu().double().numpy()
    for client, own in enumerate(mask > 0):
        rows, counts = whole[client, own], {"weight": mask[client, own]} if weighted else {}
        if np.isfinite(rows).all():
            found[client] = [float(score(target[client, own], rows, **counts)) for score in scores.values()]
    return found


def kept(task: Task, draw: Draw, names: Sequence[str], before: torch.Tensor, after: torch.Tensor) -> Predictions:
    """Return what is predicted for each query row of a draw, client after client.

    Args:
        task: Whose outputs these are.
        draw: The clients' evaluation episodes.
        names: Of their rows' attributes.
        before: What ``predict`` returned before adaptation.
        after: What it returned after the last inner step.
    """
    query = draw.episode.query
    own = query.mask.cpu().numpy() > 0
    target = query.y.cpu().double().numpy()[own]
    return Predictions(
        row=np.concatenate([rows.query for rows in draw.rows]),
        target=target.reshape(len(target), -1),
        before=predicted(task, before)[own],
        after=predicted(task, after)[own],
        attributes={name: _values(draw, place) for place, name in enumerate(names)},
    )


def _values(draw: Draw, place: int) -> list[str]:
    """Return the values of one attribute of all query rows; empty for rows without."""
    found: list[str] = []
    for own, rows in zip(draw.examples, draw.rows, strict=True):
        found += own.attributes[rows.query, place].tolist() if own.attributes is not None else [""] * len(rows.query)
    return found
