"""How many floating-point operations a client's update takes: counted by PyTorch, not estimated.

One update of one client on rows of zeros is run under PyTorch's counter, which counts the multiplications and additions
of matrix products and convolutions (an addition and a multiplication are two operations) and leaves out what is done
number by number. Rows never meet in such a product, so the count is exactly affine in the support and the query rows:
three counts say all, for every algorithm, ours or not, and for every network. For networks of dense layers it is, as
one would write it, proportional to inner steps × rows × parameters.
"""

from functools import lru_cache
from typing import NamedTuple, final

import torch

from metafed.algorithms.base import Algorithm
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import part_of
from metafed.core.source import Source
from metafed.experiment.settings import Experiment
from metafed.federation.chunking import episode_bytes
from metafed.federation.population import initial_theta, network, sources, tasks
from metafed.federation.roster import Roster
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
    """What updates of an experiment's clients take."""

    def __init__(self, experiment: Experiment) -> None:
        # our own kernels are out of sight of PyTorch's counter, and compute the same
        self._experiment = experiment.model_copy(update={"kernels": "torch"})
        self._roster = Roster(self._experiment)
        families = [choice.family.name for choice in experiment.choices]
        self._sources = dict(zip(families, sources(self._experiment), strict=True))
        self._tasks = tasks(self._experiment)
        # each is asked for at every client of every round
        self.operations = lru_cache(maxsize=None)(self._operations)
        self.memory = lru_cache(maxsize=None)(self._memory)

    def _operations(self, family: str, steps: int) -> Affine:
        """Return the operations of one update of a client of ``family`` that takes ``steps`` inner steps."""
        algorithm = self._experiment.algorithm
        if steps != algorithm.training_steps:
            algorithm = algorithm.shortened(steps)
        one, more, longer = (self._count(family, algorithm, s, q) for s, q in ((1, 1), (2, 1), (1, 2)))
        return Affine(3 * one - more - longer, more - one, longer - one)

    def _memory(self, family: str) -> int:
        """Return about how many bytes one client's update takes."""
        experiment = self._experiment
        choice = next(choice for choice in experiment.choices if choice.family.name == family)
        source = self._sources[family]
        shots = source.shots or choice.family.shots
        shapes = network(experiment, choice.family, source).shapes
        itemsize = torch.finfo(getattr(torch, experiment.precision)).bits // 8
        strata = source.outputs if shots.per_class else 1
        return episode_bytes(shapes, choice.family.image, shots, strata, experiment.algorithm.training_steps, itemsize)

    def _count(self, family: str, algorithm: Algorithm, support: int, query: int) -> int:
        from torch.utils.flop_counter import FlopCounterMode

        task, source = self._tasks[family], self._sources[family]
        own = {
            name: tensor
            for name, tensor in initial_theta(self._experiment).items()
            if part_of(name) in self._roster.parts(family)
        }
        state = {name: tensor.unsqueeze(0).clone() for name, tensor in algorithm.personal(own).items()}
        dtype = getattr(torch, self._experiment.precision)
        episode = Episode(blank(task, source, support, dtype), blank(task, source, query, dtype))
        with FlopCounterMode(display=False) as counter:
            algorithm.update(task, algorithm.shared(own), state, episode, 1)
        return int(counter.get_total_flops())


def blank(task: Task, source: Source, rows: int, dtype: torch.dtype) -> Batch:
    """Return ``rows`` rows of zeros for one client; of a world, trajectories to be of its first client."""
    mask = torch.ones(1, rows, dtype=dtype)
    if task.kind == "control":
        own = source.examples(0)
        x, y = (torch.from_numpy(array[:1].repeat(rows, 0)).to(dtype).unsqueeze(0) for array in (own.x, own.y))
        return Batch(x, y, mask)
    x = torch.zeros(1, rows, source.features, dtype=dtype)
    if task.kind == "classification":
        return Batch(x, torch.zeros(1, rows, dtype=torch.int64), mask)
    return Batch(x, torch.zeros(1, rows, source.outputs, dtype=dtype), mask)
