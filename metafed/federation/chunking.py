"""How many clients of a family are trained as one batch, where the experiment leaves it open (``--chunk auto``).

A large chunk spreads what PyTorch takes for every operation over many clients; but it must fit in memory, and a round
must have chunks enough for two or more workers. The choice follows from the experiment alone, neither from the machine
nor from the number of workers: they must not show in the result's last bits.

Measured in ms a client with chunks of 4, 8, 16, 32, 64 clients (exact MAML, five steps, one thread of an AMD EPYC):
``avatar`` 1.67, 0.98, 0.62, 0.52, 0.50 with PyTorch's kernels and 0.50, 0.36, 0.28, 0.23, 0.19 with ours; conv-4 of 64
filters with chunks of 1, 2, 4, 8: 184, 166, 157, 162. Peak memory a client was 0.5 and 85 MB; ``episode_bytes`` says
0.5 and 85. Of first-order methods ``update_bytes`` is within a quarter of the most that PyTorch has at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, prod
from typing import NamedTuple

import numpy as np

from metafed.algorithms.base import Algorithm
from metafed.core.episodes import Shots
from metafed.data.source import Source
from metafed.federation.roster import Roster
from metafed.federation.shots import shots_of
from metafed.models import Network

BUDGET = 2**28
"""Bytes that the clients of a chunk may take at a time, by ``episode_bytes``."""
TENSORS = 3
"""Tensors of the size of a layer's output that one pass leaves for its derivative: before and after what follows it."""
SMALL, LARGE = 32, 64
"""Clients of a chunk at most: of a round as small as most are, and of any."""
MESSAGES = 4
"""Chunks of a round at least, all families together, where there are clients enough."""
SLACK = 1.25
"""By how much a family may exceed its share of a cohort before it is cut in two."""
CROWD = 64
"""Chunks of a round from which on chunks grow beyond ``SMALL``: workers enough can share so many."""


class Sizes(NamedTuple):
    """Clients of a chunk at most."""

    training: int
    evaluation: int


def sizes(roster: Roster, sources: Sequence[Source], networks: Sequence[Network]) -> dict[str, Sizes]:
    """Return the sizes of chunks that suit an experiment, by family; no client's data are read.

    Args:
        roster: Who is in the federation.
        sources: The source of each task.
        networks: Each task's network.
    """
    experiment, shares = roster.experiment, roster.experiment.proportions
    evaluated = len(roster.evaluated())
    itemsize = np.dtype(experiment.precision).itemsize
    found = {}
    for choice, source, network, share in zip(roster.choices, sources, networks, shares, strict=True):
        shots = shots_of(experiment, choice, source)
        strata = source.outputs if shots.per_class else 1
        image = choice.family.image
        part = share / sum(shares)
        training = update_bytes(experiment.algorithm, network, image, shots, strata, itemsize)
        # evaluation keeps no graph from step to step
        scored = replace(shots, query=shots.evaluation)
        evaluation = episode_bytes(network.shapes, image, scored, strata, 1, itemsize, network.row_once)
        found[choice.family.name] = Sizes(
            suited(roster.cohort_size, part, training),
            suited(evaluated, part, evaluation),
        )
    return found


def update_bytes(
    algorithm: Algorithm,
    network: Network,
    image: tuple[int, int, int] | None,
    shots: Shots,
    strata: int,
    itemsize: int,
) -> int:
    """Return about how many bytes one client's update takes.

    A first-order method has the layers' outputs of one pass in memory at a time, be it of support or of query rows.
    """
    if algorithm.first_order:
        once = replace(shots, support=0, query=max(shots.support, shots.query))
        return episode_bytes(network.shapes, image, once, strata, 1, itemsize, network.row_once)
    steps = algorithm.training_steps
    return episode_bytes(network.shapes, image, shots, strata, steps, itemsize, network.row_numbers)


def suited(clients: int, share: float, bytes_each: int) -> int:
    """Return how many clients of a family make a chunk.

    Args:
        clients: Clients of all families in a round.
        share: The family's share of them.
        bytes_each: What one of its clients takes, in bytes.
    """
    # a whole family is one chunk, a few of one or two families; a cohort is drawn, so a family may be larger than most
    own = ceil(SLACK * clients * share / max(1, round(MESSAGES * share)))
    crowd = min(max(clients // CROWD, SMALL), LARGE)
    return max(1, min(own, crowd, BUDGET // bytes_each))


def episode_bytes(
    shapes: Mapping[str, tuple[int, ...]],
    image: tuple[int, int, int] | None,
    shots: Shots,
    strata: int,
    steps: int,
    itemsize: int,
    row: int = 0,
) -> int:
    """Return about how many bytes one client's episode takes while its exact meta-gradient is computed.

    Every inner step leaves new parameters, their gradient and the layers' outputs for the support rows; the end leaves
    the outputs for the query rows.

    Args:
        shapes: The network's parameters, without the client axis.
        image: Channels, height and width of an input, where it is an image.
        shots: Rows of an episode.
        strata: Classes, where shots are rows a class, else 1.
        steps: Inner steps K.
        itemsize: Bytes of a number.
        row: Numbers that one row leaves in a pass, where that was measured; 0: it follows from the shapes.
    """
    parameters = sum(prod(shape) for shape in shapes.values())
    row = row or TENSORS * sum(outputs(name, shape, image) for name, shape in shapes.items())
    rows = strata * (steps * shots.support + shots.query)
    return itemsize * ((1 + 2 * steps) * parameters + rows * row)


def outputs(name: str, shape: tuple[int, ...], image: tuple[int, int, int] | None) -> int:
    """Return how many numbers the layer with the weight ``name`` makes of one row; 0 for what is no weight.

    Convolution k of ours is taken to see an image whose sides were halved k times.
    """
    if len(shape) == 2:
        return shape[1]
    if len(shape) != 4 or image is None:
        return 0
    number = int(name.split(".")[2])
    return shape[0] * (image[1] >> number) * (image[2] >> number)
