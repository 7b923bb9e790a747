"""A bound on one node's share of the step: a sum that is far longer or heavier than the others' is scaled down.

Lengths are compared with the lower median of all, since nobody knows the length of an update beforehand, and with two
nodes the longer one must not decide. Under central differential privacy a client's length is known: it is C. Weights
are compared where clients count alike; an objective by which a client's loss or rows count believes what its node says.
"""

import math
from collections.abc import Mapping, Sequence
from logging import WARNING
from statistics import median_low
from typing import ClassVar, NamedTuple, Self, final

import numpy as np
from flwr.supercore import log

from metafed.core.parameters import Vector
from metafed.federation.federation import Federation
from metafed.objectives import Contribution
from metafed.privacy.clipping import CLIP
from server.stages.base import Plan, Received, Stage

OVER_NODES = 10.0
"""The bound where several nodes answer and no other is set."""


class Factors(NamedTuple):
    """Logarithms of what a sum's direction and its weight are multiplied by, 0 or less."""

    length: float
    weight: float


@final
class NodeClip(Stage):
    """Bounds what each answer adds to the sum."""

    name: ClassVar[str] = "node clip"

    def __init__(self, federation: Federation) -> None:
        experiment = federation.experiment
        self._set = experiment.node_clip
        self._known = experiment.private and experiment.mechanism.noise_at == "server"
        self._alike = experiment.objective.uses == "nothing"
        self._plan: Plan | None = None

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where it is turned off, or where no sums come that could be bounded."""
        experiment = federation.experiment
        off = experiment.node_clip == 0 or experiment.secure.aggregation or not experiment.aggregator.sums
        return None if off else cls(federation)

    def before_round(self, plan: Plan) -> None:
        """Look at the plan when the answers are there: how many nodes there are, and to what length hosts cut."""
        self._plan = plan

    def on_answers(self, received: Received) -> None:
        """Scale down what is too long or too heavy, and note whose it was."""
        plan = self._plan
        if plan is None or (self._set is None and len(plan.hosts.nodes) == 1):
            return
        sums = [answer.contribution for answer in received.answers]
        counts = [len(answer.asked) for answer in received.answers]
        if self._known:
            found = [within(own, count, float(str(plan.ask[CLIP]))) for own, count in zip(sums, counts, strict=True)]
        else:
            found = compared(sums, counts, OVER_NODES if self._set is None else self._set, self._alike)
        noted = []
        for index, factors in enumerate(found):
            if not factors:
                continue
            answer = received.answers[index]
            received.answers[index] = answer._replace(contribution=scaled(answer.contribution, factors))
            shares = {key: math.exp(sum(own)) for key, own in factors.items()}
            noted.append({"clients": list(answer.asked), "factors": shares})
            log(WARNING, "the sum over the clients %s was scaled down: %s", list(answer.asked)[:8], shares)
        if noted:
            received.notes["node_clip"] = noted


def compared(
    sums: Sequence[Contribution], counts: Sequence[int], bound: float, alike: bool = True
) -> list[dict[str, Factors]]:
    """Return by what each sum is to be scaled, by key; a key is left out where nothing is too long or too heavy.

    Args:
        sums: One of each message.
        counts: Clients that it is of.
        bound: How many times the lower median the mean update, and the weight a client, may be.
        alike: Whether clients count alike, so that their weights can be compared.
    """
    found: list[dict[str, Factors]] = [{} for _ in sums]
    limit = math.log(bound) + 1e-9
    for part in {key.partition("/")[0] for own in sums for key in own.directions}:
        # groups of a part together: one that a node has for itself, or invents, has nothing else to be compared with
        of = [(n, key) for n, own in enumerate(sums) for key in own.directions if key.partition("/")[0] == part]
        weights = {(n, key): _log(sums[n].weights[key]) + sums[n].scales.get(key, 0.0) for n, key in of}
        lengths = {
            (n, key): length - _log(sums[n].weights[key])
            for n, key in of
            if (length := log_length(sums[n].directions[key])) > -math.inf
        }
        each = {own: weight - math.log(counts[own[0]]) for own, weight in weights.items() if weight > -math.inf}
        for own in of:
            long = min(0.0, median_low(lengths.values()) + limit - lengths[own]) if own in lengths else 0.0
            heavy = min(0.0, median_low(each.values()) + limit - each[own]) if alike and own in each else 0.0
            if long < 0 or heavy < 0:
                found[own[0]][own[1]] = Factors(long, heavy)
    return found


def within(own: Contribution, count: int, clip: float) -> dict[str, Factors]:
    """Return by what a sum over ``count`` clients is to be scaled, each of which is no longer than ``clip``."""
    total = log_length(np.array([math.exp(min(log_length(vector), 700.0)) for vector in own.directions.values()]))
    long = min(0.0, math.log(count * clip) + 1e-9 - total)
    heavy = {key: min(0.0, math.log(count) + 1e-9 - _log(weight)) for key, weight in own.weights.items()}
    return {key: Factors(long, each) for key, each in heavy.items() if long < 0 or each < 0}


def scaled(own: Contribution, factors: Mapping[str, Factors]) -> Contribution:
    """Return a sum whose mean update and weight are multiplied by ``factors``, those of other keys as they were."""
    directions: dict[str, Vector] = dict(own.directions)
    weights = dict(own.weights)
    for key, (long, heavy) in factors.items():
        directions[key] = own.directions[key] * math.exp(long + heavy)
        weights[key] = own.weights[key] * math.exp(heavy)
    return Contribution(directions, weights, own.scales, own.sums)


def log_length(vector: Vector) -> float:
    """Return the logarithm of a vector's Euclidean length, whatever its size."""
    largest = float(np.abs(vector).max(initial=0.0))
    return -math.inf if largest == 0 else math.log(largest) + math.log(float(np.linalg.norm(vector / largest)))


def _log(number: float) -> float:
    return math.log(number) if number > 0 else -math.inf
