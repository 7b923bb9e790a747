"""Local, tuned: the run's own network, untrained, that each client trains on its support rows alone.

Rate and number of steps are each client's own choice: that with the lowest loss on the query rows of an episode of its
meta-training rows, after training on that episode's support rows. So evaluation rows choose nothing.
"""

from collections.abc import Iterator

import torch

from metafed.algorithms.inner import descend, everywhere
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.references.base import Ground

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Rates of full-batch gradient descent that are tried."""
STEPS = (1, 2, 5, 10, 20, 50)
"""Numbers of steps that are tried."""


def outputs(
    ground: Ground, choosing: Episode, support: Batch, x: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return the outputs at each client's own rate and number of steps; of choices as good, the first."""
    task, query = ground.task, choosing.query
    best = torch.full((len(x),), torch.inf, dtype=x.dtype)
    chosen = torch.zeros(len(x), dtype=torch.int64)
    with torch.no_grad():
        for number, params in enumerate(paths(ground, choosing.support)):
            loss = task.loss(task.predict(params, query.x, query.mask), query)
            better = loss < best  # never, where it is not a number
            best, chosen = torch.where(better, loss, best), torch.where(better, number, chosen)
        found: torch.Tensor | None = None
        for number, params in enumerate(paths(ground, support)):
            if not (mine := chosen == number).any():
                continue
            output = task.predict(params, x, mask)
            found = torch.where(mine[:, None, None], output, torch.zeros_like(output) if found is None else found)
    assert found is not None  # every client has chosen
    return found


def paths(ground: Ground, rows: Batch) -> Iterator[Params]:
    """Yield the parameters ``(C, …)`` after each of ``STEPS`` on ``rows``, rate after rate."""
    start = spread(ground.start, len(rows.x))
    for rate in RATES:
        with torch.enable_grad():
            steps = descend(ground.task, start, rows, [everywhere(start, rate)] * STEPS[-1])
            reached = [params for number, params in enumerate(steps) if number in STEPS]
        yield from reached
