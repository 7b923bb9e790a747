"""Sums by groups of clients, for objectives that weigh whole groups once all of their losses are known."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from metafed.core.parameters import Vector
from metafed.objectives.base import NOTHING, ClientUpdates, Contribution, summed

Over: TypeAlias = Literal["groups", "families"]
"""What the groups are: the clients' groups, of each family apart, or the families."""

ROUNDING = 1e-6
"""By how much a weight may differ from what it should be."""
LONGEST_NAME = 300
"""Characters of a group's name that count."""


class Group(NamedTuple):
    """Mean loss and total weight of the clients of one group."""

    loss: float
    weight: float


def label_of(updates: ClientUpdates, position: int, over: Over) -> str:
    """Return ``frame/name``: the groups of a frame can be compared. It is the family, and empty for families."""
    name = f"{updates.family}/{updates.groups[position]}" if over == "groups" else f"/{updates.family}"
    return name[:LONGEST_NAME]


def by_group(updates: ClientUpdates, over: Over) -> Contribution:
    """Sum weighted directions by part and group, and weighted losses and weights by group."""
    labels = [label_of(updates, position, over) for position in range(len(updates.clients))]
    total = NOTHING
    for label in dict.fromkeys(labels):
        member = [position for position, own in enumerate(labels) if own == label]
        weights, losses = updates.weights[member].double(), updates.losses[member].double()
        some = updates._replace(directions={part: rows[member] for part, rows in updates.directions.items()})
        own = summed(some, weights, weights)
        total += Contribution(
            {f"{part}/{label}": vector for part, vector in own.directions.items()},
            {f"{part}/{label}": weight for part, weight in own.weights.items()},
            sums={f"loss:{label}": float(weights @ losses), f"weight:{label}": float(weights.sum())},
        )
    return total


def can_be_by_group(total: Contribution, clients: int, heaviest: float) -> bool:
    """Say whether a sum by groups is one that ``by_group`` makes of at most so many clients.

    Each group has a direction, a loss and one weight, and the groups of a part have no more clients than there are. The
    groups' weights are divided by: one of −1e50 or 1e-300, from one node, would weigh every other client out.
    """
    parts: dict[str, float] = {}
    named: set[str] = set()
    for key, weight in total.weights.items():
        part, _, label = key.partition("/")
        group = total.sums.get(f"weight:{label}", -1.0)
        if abs(group - weight) > ROUNDING * weight or weight < 1 - ROUNDING:
            return False
        parts[part] = parts.get(part, 0.0) + weight
        named |= {f"weight:{label}", f"loss:{label}"}
    return named == set(total.sums) and all(weight <= clients * heaviest + ROUNDING for weight in parts.values())


def groups_of(total: Contribution) -> dict[str, Group]:
    """Read the groups' mean losses and weights from a sum, by name in order; a group of weight 0 has none."""
    names = sorted(name.removeprefix("weight:") for name in total.sums if name.startswith("weight:"))
    found = {name: (total.sums.get(f"loss:{name}", 0.0), total.sums[f"weight:{name}"]) for name in names}
    return {name: Group(loss / weight, weight) for name, (loss, weight) in found.items() if weight > 0}


def combined(total: Contribution, factors: Mapping[str, float]) -> dict[str, Vector]:
    """Return Σ factor · weighted directions / Σ weights of every part, over the groups that hold it."""
    tops: dict[str, Vector] = {}
    weights: dict[str, float] = {}
    for key in sorted(total.directions):
        part, _, label = key.partition("/")
        if label in factors and total.weights[key] > 0:
            piece = np.multiply(total.directions[key], factors[label], dtype=np.float64)
            tops[part] = tops[part] + piece if part in tops else piece
            weights[part] = weights.get(part, 0.0) + total.weights[key]
    return {part: top / weights[part] for part, top in tops.items()}
