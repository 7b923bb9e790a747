"""The one interface of all objectives, and what travels: contributions that add."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
import torch

from metafed.core.parameters import Vector
from metafed.core.settings import Settings
from metafed.core.traits import NOTHING as NO_TRAITS
from metafed.core.traits import Trait

Plain: TypeAlias = bool | int | float | str | list[int] | list[float]
"""What a message can carry beside arrays."""
State: TypeAlias = Mapping[str, Any]
"""What the server keeps for an objective from round to round: plain JSON."""


LOSSES: frozenset[Trait] = frozenset({"client_losses"})


@dataclass(frozen=True)
class Contribution:
    """Sums over clients: a commutative monoid under ``+`` with the empty one as zero.

    Partial sums over chunks, sums in any grouping and, up to the rounding of masked numbers, secure sums agree.

    Attributes:
        directions: Weighted sum of the clients' outer directions, ``(size,)`` a part, or a part and a group of clients
            (``part/group``).
        weights: Sum of the clients' weights, by the same keys.
        scales: Where a sum is too large for a number: ``directions`` and ``weights`` of that key are to be multiplied
            by exp(scale). 0 where none is named.
        sums: Further sums of numbers, by name.
    """

    directions: Mapping[str, Vector]
    weights: Mapping[str, float]
    scales: Mapping[str, float] = field(default_factory=dict)
    sums: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "Contribution") -> "Contribution":
        both = (self, other)
        keys = tuple(dict.fromkeys(key for each in both for key in each.directions))
        # the larger scale is the common one, so that no exponential overflows, however sums are grouped
        scales = {key: max(each.scales.get(key, 0.0) for each in both if key in each.directions) for key in keys}
        pieces = {key: [each._at(key, scales[key]) for each in both if key in each.directions] for key in keys}
        names = dict.fromkeys(name for each in both for name in each.sums)
        return Contribution(
            {key: _sum([vector for vector, _ in pieces[key]]) for key in keys},
            {key: sum(weight for _, weight in pieces[key]) for key in keys},
            {key: scale for key, scale in scales.items() if any(key in each.scales for each in both)},
            {name: self.sums.get(name, 0.0) + other.sums.get(name, 0.0) for name in names},
        )

    def _at(self, key: str, scale: float) -> tuple[Vector, float]:
        """Return what is summed under ``key`` as multiples of exp(scale)."""
        own, vector, weight = self.scales.get(key, 0.0), self.directions[key], self.weights.get(key, 0.0)
        if own == scale:
            return vector, weight
        factor = exp(own - scale)
        return np.multiply(vector, factor, dtype=np.float64), weight * factor


NOTHING = Contribution({}, {})


def _sum(vectors: Sequence[Vector]) -> Vector:
    return vectors[0] if len(vectors) == 1 else np.add(*vectors, dtype=np.float64)


class Rates(NamedTuple):
    """How large a step along a direction is.

    Attributes:
        outer: The server's rate β: θ ← θ − β · direction.
        local: Rate r of the client's own steps where a direction is what they add up to, so that direction / r is
            about a gradient; 1 where the direction is a gradient.
    """

    outer: float
    local: float


class ClientUpdates(NamedTuple):
    """What ``C`` clients of one family say after one episode each.

    Attributes:
        losses: Query losses after adaptation ``(C,)``, all finite.
        weights: The clients' weights by the algorithm's definition ``(C,)``, at least 0.
        directions: Outer directions ``(C, size)`` a part.
        clients: Their ids.
        family: Their family.
        groups: Their groups.
        rows: How many rows each owns.
        rates: How large a step along a direction is.
    """

    losses: "torch.Tensor"
    weights: "torch.Tensor"
    directions: "Mapping[str, torch.Tensor]"
    clients: Sequence[int]
    family: str
    groups: Sequence[str]
    rows: Sequence[int]
    rates: Rates


class Objective(Settings, ABC):
    """How per-client losses become one direction; its fields are its settings. All methods are pure.

    An objective gives client k a factor a_k and a mass b_k, and each part of θ moves along
    Σ a_k · direction_k / Σ b_k over the clients that hold it. The factor is the same in all of a client's parts.
    """

    uses: ClassVar[Literal["nothing", "weights", "losses"]] = "losses"
    """What of the clients it changes or reads: nothing, their weights in the mean, or their losses."""
    separability: ClassVar[Literal["updates", "sums", "no"]] = "no"
    """What a client determines alone, whatever others say. updates: the direction is the mean of a vector a client,
    which it determines alone, its share divided by its own mass. sums: so are a_k g_k and b_k, but not their quotient.
    no: others' losses, or sums by group, change how much a client counts."""

    reads_rates: ClassVar[bool] = False
    """Whether it divides what clients send by the rate of their steps, to have gradients."""
    scaled: ClassVar[bool] = False
    """Whether what it sums are multiples of a power that only who sees a sum knows (``Contribution.scales``)."""

    @property
    def needs(self) -> frozenset[Trait]:
        """What the server must get of single clients.

        An objective with a ``step`` of its own is taken to look at ``losses`` there, unless it says here that it does
        not: what is not said cannot be missed silently.
        """
        return LOSSES if type(self).step is not Objective.step else NO_TRAITS

    @abstractmethod
    def share(self, updates: ClientUpdates, ask: Mapping[str, Plain]) -> Contribution:
        """On the host: sum what clients say.

        Args:
            updates: The clients' updates.
            ask: What the server's ``ask`` said.

        Raises:
            ValueError: A loss is one that the objective is not defined for.
        """

    def start(self, seen: int) -> State:
        """On the server: the state before the first round, of a federation that trains on ``seen`` clients."""
        return {}

    def ask(self, state: State, clients: Sequence[int]) -> dict[str, Plain]:
        """On the server: what the host of these clients must know to ``share``."""
        return {}

    def can_sum(self, total: Contribution, clients: int, heaviest: float) -> bool:
        """On the server: say whether at most ``clients`` clients, each of weight 1 to ``heaviest``, can sum to this."""
        return True

    def step(self, total: Contribution, state: State, losses: Mapping[int, float]) -> tuple[dict[str, Vector], State]:
        """On the server: the pseudo-gradient ``(size,)`` of every part, and the next state.

        Args:
            total: The sum of the contributions.
            state: The state that was asked with.
            losses: The query loss of every client in the sum, which hosts tell for the record.
        """
        return quotients(total), state


def summed(updates: ClientUpdates, factors: "torch.Tensor", masses: "torch.Tensor", scale: float = 0.0) -> Contribution:
    """Sum directions by the ``factors (C,)``, and the ``masses (C,)``, both in float64 and multiples of exp(scale)."""
    return Contribution(
        # in float64, so that it hardly matters how clients were grouped
        {part: (factors @ rows.double()).cpu().numpy() for part, rows in updates.directions.items()},
        {part: float(masses.sum()) for part in updates.directions},
        dict.fromkeys(updates.directions, scale) if scale else {},
    )


def exponential(weights: "torch.Tensor", exponents: "torch.Tensor") -> "tuple[torch.Tensor, float]":
    """Return weights · exp(exponents) ``(C,)`` as multiples of exp(scale), and the scale: the largest exponent.

    Neither overflows, and not all vanish. Some weight must be above 0.
    """
    # a client without weight must not set the scale, at which others might vanish
    scale = float(exponents[weights > 0].max())
    return weights * (exponents - scale).clamp(max=0).exp(), scale


def quotients(total: Contribution) -> dict[str, Vector]:
    """Divide each part's sum by its weight; a part of weight 0 stays where it is."""
    return {part: vector / total.weights[part] for part, vector in total.directions.items() if total.weights[part] > 0}
