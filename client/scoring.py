"""What is kept of a task's predictions for single rows."""

from collections.abc import Sequence

import numpy as np
import torch

from metafed.federation.population import Draw
from metafed.messages.predictions import Predictions
from metafed.scores.measuring import predicted
from metafed.tasks.task import Task


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
