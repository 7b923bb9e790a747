"""A penalty on the gap between groups, in the manner of GIFAIR.

Yue, Nouiehed, Al Kontar, "GIFAIR-FL", arXiv 2108.02741 (INFORMS Journal on Data Science, 2023), the global form:
minimise Σ w_k F_k / Σ w_k + λ' Σ_(i<j) |L_i − L_j| with L_i the mean loss of group i. A client of group i with weight
W_i of all W has the factor a_k = w_k (1 + λ' r_i W / W_i) with r_i = Σ_(j≠i) sign(L_i − L_j); b_k = w_k.

Ours: λ' = λ / (d (d − 1)) for d groups, so that λ counts half the mean difference between two groups, and 1 is the
authors' bound for groups of equal size: beyond it the factor of the best group falls below 0, and the gap is
closed by serving that group worse. A group with a share below λ / d of its frame can get there earlier.
Groups are compared within their family, with W that family's weight, since losses of different families are in
different units; or the families themselves (``over``). The server has this round's mean losses and the directions
by group, so that the signs are of the same round as the directions; the authors' are of the round before.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.core.parameters import Vector
from metafed.core.traits import NOTHING as NO_TRAITS
from metafed.core.traits import Trait
from metafed.objectives.base import ClientUpdates, Contribution, Objective, Plain, State
from metafed.objectives.groups import Group, Over, by_group, can_be_by_group, combined, groups_of


@final
class Gap(Objective):
    """The mean with a penalty on differences between groups of clients."""

    name: Annotated[Literal["gap"], tyro.conf.Suppress] = "gap"
    lam: float = Field(
        0.5,
        ge=0,
        allow_inf_nan=False,
        description="Strength λ of the penalty; from 1 on it serves the best group worse.",
    )
    over: Over = Field("groups", description="groups: those of each family apart; families: the families themselves.")

    @property
    def needs(self) -> frozenset[Trait]:
        """What the server must get of single clients."""
        return NO_TRAITS  # the sums by group say all

    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """Sum by group: directions, weights, losses."""
        return by_group(updates, self.over)

    def can_sum(self, total: Contribution, clients: int, heaviest: float) -> bool:
        """Say whether it can be a sum by groups."""
        return can_be_by_group(total, clients, heaviest)

    def step(self, total: Contribution, state: State, losses: Mapping[int, float]) -> tuple[dict[str, Vector], State]:
        """Weigh the groups by who is worse than whom."""
        return combined(total, factors(groups_of(total), self.lam)), state


def factors(groups: Mapping[str, Group], strength: float) -> dict[str, float]:
    """Return what a client's weight is multiplied by, for each group; 1 in a frame of one group."""
    frames: dict[str, list[str]] = {}
    for label in groups:
        frames.setdefault(label.partition("/")[0], []).append(label)
    found: dict[str, float] = {}
    for labels in frames.values():
        losses = np.array([groups[label].loss for label in labels])
        weights = np.array([groups[label].weight for label in labels])
        worse = np.sign(losses[:, None] - losses[None, :]).sum(1)
        pairs = max(len(labels) * (len(labels) - 1), 1)
        found |= dict(zip(labels, 1 + strength / pairs * worse * weights.sum() / weights, strict=True))
    return found
