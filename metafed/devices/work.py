"""How many floating-point operations a client's update takes: counted by PyTorch, not estimated.

One update of one client on rows of zeros is run under PyTorch's counter, which counts the multiplications and additions
of matrix products and convolutions (an addition and a multiplication are two operations) and leaves out what is done
number by number. Rows never meet in such a product, so the count is exactly affine in the support and the query rows:
three counts say all, for every algorithm, ours or not, and for every network. For networks of dense layers it is, as
one would write it, proportional to inner steps × rows × parameters.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, final

import torch

from metafed.algorithms.base import Algorithm
from metafed.core.episodes import Batch, Episode
from metafed.data.source import Source
from metafed.models.module import ModuleNetwork
from metafed.tasks.task import Task


class Affine(NamedTuple):
    """Operations: ``fixed`` + ``support`` a support row + ``query`` a query row."""

    fixed: int
    support: int
    query: int

    def __call__(self, support: int, query: int) -> int:
        """Return the operations with so many rows."""
        return self.fixed + self.support * support + self.query * query


@final
class Work:
    """What updates of clients take.

    Args:
        algorithm: Whose update it is.
        tasks: Each family's network, loss and score; computed by PyTorch's kernels, which its counter sees.
        sources: Each family's source.
        initial: Each family's initial parameters.
        memory: Bytes that one client's update takes, by family.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        tasks: Mapping[str, Task],
        sources: Mapping[str, Source],
        initial: "Mapping[str, Mapping[str, torch.Tensor]]",
        memory: Mapping[str, int],
    ) -> None:
        self._algorithm, self._tasks, self._sources, self._initial = algorithm, tasks, sources, initial
        self._bytes = memory
        # it is asked for at every client of every round
        self.operations = lru_cache(maxsize=None)(self._operations)

    def memory(self, family: str) -> int:
        """Return about how many bytes one client's update takes."""
        return self._bytes[family]

    def _operations(self, family: str, steps: int) -> Affine:
        """Return the operations of one update of a client of ``family`` that takes ``steps`` inner steps."""
        algorithm = self._algorithm
        if steps != algorithm.training_steps:
            algorithm = algorithm.shortened(steps)
        one, more, longer = (self._count(family, algorithm, s, q) for s, q in ((1, 1), (2, 1), (1, 2)))
        return Affine(3 * one - more - longer, more - one, longer - one)

    def _count(self, family: str, algorithm: Algorithm, support: int, query: int) -> int:
        from torch.utils.flop_counter import FlopCounterMode  # PyTorch's compiler comes with it

        task, source, own = self._tasks[family], self._sources[family], self._initial[family]
        state = {name: tensor.unsqueeze(0).clone() for name, tensor in algorithm.personal(own).items()}
        dtype = next(iter(own.values())).dtype
        episode = Episode(blank(task, source, support, dtype), blank(task, source, query, dtype))
        with FlopCounterMode(display=False) as counter:
            algorithm.update(task, algorithm.shared(own), state, episode, 1)
        return int(counter.get_total_flops())


def blank(task: Task, source: Source, rows: int, dtype: "torch.dtype") -> Batch:
    """Return ``rows`` rows of zeros for one client; of a world, trajectories to be of its first client.

    Where a network leaves padding out, all moments are real ones: what is counted is what the longest rows cost.
    """
    mask = torch.ones(1, rows, dtype=dtype)
    if task.kind == "control":
        own = source.examples(0)
        x, y = (torch.from_numpy(array[:1].repeat(rows, 0)).to(dtype).unsqueeze(0) for array in (own.x, own.y))
        return Batch(x, y, mask)
    x = torch.zeros(1, rows, source.features, dtype=dtype)
    if isinstance(task.model, ModuleNetwork) and task.model.skips:
        x.unflatten(2, (task.model.inputs.shape[0], -1))[..., -1] = 1
    if task.kind == "classification":
        return Batch(x, torch.zeros(1, rows, dtype=torch.int64), mask)
    return Batch(x, torch.zeros(1, rows, source.outputs, dtype=dtype), mask)
