"""Clients of two families with smooth losses in float64, and the sum of what they say, in any grouping."""

from typing import NamedTuple

import numpy as np
import torch

from metafed.core.streams import stream
from metafed.objectives import NOTHING, ClientUpdates, Rates

SIZES = {"trunk": 3, "a": 2, "b": 2}
RATES = Rates(1.0, 1.0)


class Person(NamedTuple):
    """Its loss at θ is ½ ‖M θ − c‖² + 0.1 over the trunk and its family's part."""

    family: str
    group: str
    rows: int
    weight: float
    matrix: torch.Tensor
    target: torch.Tensor


def people(count=7, seed=0, weight=None):
    """Families alternate, groups are x and y."""
    rng = stream(seed, "people")
    return [
        Person(
            "ab"[i % 2],
            "xxy"[i % 3],
            int(rng.integers(3, 30)),
            float(rng.integers(1, 4)) if weight is None else weight,
            torch.from_numpy(rng.standard_normal((4, 5))),
            torch.from_numpy(rng.standard_normal(4)),
        )
        for i in range(count)
    ]


def point(seed=0):
    rng = stream(seed, "theta")
    return {part: rng.standard_normal(size) for part, size in SIZES.items()}


def loss_of(person, theta):
    whole = torch.cat([torch.as_tensor(theta["trunk"]), torch.as_tensor(theta[person.family])])
    return 0.5 * (person.matrix @ whole - person.target).square().sum() + 0.1


def losses_at(crowd, theta):
    return np.array([float(loss_of(person, theta)) for person in crowd])


def updates(crowd, clients, theta, rates=RATES):
    """What ``clients``, numbers in ``crowd`` of one family, say at θ."""
    chosen = [crowd[client] for client in clients]
    family = chosen[0].family
    leaves = {part: torch.from_numpy(theta[part]).requires_grad_() for part in ("trunk", family)}
    losses, rows = [], {part: [] for part in leaves}
    for person in chosen:
        loss = loss_of(person, leaves)
        for part, slope in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
            rows[part].append(slope)
        losses.append(loss.detach())
    return ClientUpdates(
        torch.stack(losses),
        torch.tensor([person.weight for person in chosen], dtype=torch.float64),
        {part: torch.stack(slopes) for part, slopes in rows.items()},
        list(clients),
        family,
        [person.group for person in chosen],
        [person.rows for person in chosen],
        rates,
    )


def chunks_of(crowd):
    """All clients, a chunk a family."""
    families = dict.fromkeys(person.family for person in crowd)
    return [[i for i, person in enumerate(crowd) if person.family == family] for family in families]


def total_of(objective, crowd, theta, state=None, chunks=None, rates=RATES):
    state = objective.start(len(crowd)) if state is None else state
    shares = (
        objective.share(updates(crowd, chunk, theta, rates), objective.ask(state, chunk))
        for chunk in (chunks_of(crowd) if chunks is None else chunks)
    )
    return sum(shares, NOTHING)


def step(objective, crowd, theta, state=None, chunks=None, rates=RATES):
    """Return the directions and the next state."""
    state = objective.start(len(crowd)) if state is None else state
    total = total_of(objective, crowd, theta, state, chunks, rates)
    return objective.step(total, state, dict(enumerate(losses_at(crowd, theta).tolist())))


def slope(function, theta, width=1e-6):
    """Return the gradient of ``function`` of θ by central differences, a part each."""
    found = {}
    for part, values in theta.items():
        found[part] = np.zeros_like(values)
        for index in range(len(values)):
            ends = []
            for sign in (1, -1):
                moved = values.copy()
                moved[index] += sign * width
                ends.append(function({**theta, part: moved}))
            found[part][index] = (ends[0] - ends[1]) / (2 * width)
    return found


def close(left, right, tolerance=1e-12):
    assert left.keys() == right.keys()
    for part, vector in left.items():
        np.testing.assert_allclose(vector, right[part], rtol=tolerance, atol=tolerance)
