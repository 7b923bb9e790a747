"""The inner rates of a run for which nobody chose one: the algorithm's own, or that of a family that needs another."""

from collections.abc import Callable, Mapping, Sequence

from metafed.algorithms import Algorithm
from metafed.algorithms.base import INNER_RATE
from metafed.core.parameters import Params, part_of
from metafed.data.family import TaskChoice
from metafed.data.source import Source
from metafed.experiment.settings import Experiment


def declared(
    algorithm: Algorithm, choices: Sequence[TaskChoice], made: Callable[[], Sequence[Source]]
) -> dict[str, float]:
    """Return the inner rates that families declare, those for which the algorithm's own does not do, by family.

    None are declared to an algorithm without an inner rate.

    Args:
        algorithm: The run's.
        choices: Its families.
        made: Returns the sources; asked only where one has a rate of its own.
    """
    if INNER_RATE not in type(algorithm).model_fields:
        return {}
    found: dict[str, float] = {}
    for task, choice in enumerate(choices):
        rate = choice.family.inner_lr
        if choice.family.sources[choice.source].inner_lr is not Source.inner_lr:
            rate = made()[task].inner_lr
        found |= {} if rate is None else {choice.family.name: rate}
    return found


def of_families(experiment: Experiment, rates: Mapping[str, float], families: Sequence[str]) -> dict[str, Algorithm]:
    """Return the algorithm of each family: with the family's inner rate, where nobody chose one.

    Args:
        experiment: What is computed.
        rates: What families declare.
        families: Their names.

    Raises:
        pydantic.ValidationError: The algorithm's other settings do not go with a family's rate.
    """
    algorithm = experiment.algorithm
    if not algorithm.left_open:
        return dict.fromkeys(families, algorithm)
    own = type(algorithm).model_fields[INNER_RATE].default
    made = {
        rate: type(algorithm).model_validate({**algorithm.model_dump(), INNER_RATE: rate})
        for rate in {rates.get(family, own) for family in families}
    }
    return {family: made[rates.get(family, own)] for family in families}


def shared(algorithms: Mapping[str, Algorithm], initial: Params) -> Params:
    """Return what the server holds at first, from the networks' initial parameters.

    An algorithm may add parameters that begin at its inner rate: in a family's part at the family's, in the trunk,
    which all clients adapt, at the smallest.
    """
    slowest = min(algorithms.values(), key=lambda algorithm: float(getattr(algorithm, INNER_RATE, 0.0)))
    theta = dict(slowest.shared(initial))
    for family, algorithm in algorithms.items():
        theta |= {name: value for name, value in algorithm.shared(initial).items() if part_of(name) == family}
    return theta
