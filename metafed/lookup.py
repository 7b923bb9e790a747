"""Things by name: near misses are suggested, and an algorithm or an objective may live outside the tree."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from metafed.aggregators import AGGREGATORS, Aggregator
from metafed.algorithms import ALGORITHMS, Algorithm
from metafed.objectives import OBJECTIVES, Objective
from metafed.sampling import SAMPLERS, Sampler

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


def known(what: str, name: str, table: Mapping[str, T]) -> T:
    """Look ``name`` up in ``table``.

    Raises:
        ValueError: There is none; the message lists what there is and suggests a near miss.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {what} {name!r}{hint} (known: {', '.join(table)})")


def algorithm_class(name: str) -> type[Algorithm]:
    """Return the algorithm called ``name``: one of ours, or ``module:Class`` of anybody's.

    The second form imports, and so executes, the module: as with any code, name only what you trust.

    Raises:
        ValueError: There is none, or it is no algorithm.
    """
    return _class("algorithm", name, ALGORITHMS, Algorithm)  # type: ignore[type-abstract]


def objective_class(name: str) -> type[Objective]:
    """Return the objective called ``name``: one of ours, or ``module:Class`` of anybody's, which is imported.

    Raises:
        ValueError: There is none, or it is no objective.
    """
    return _class("objective", name, OBJECTIVES, Objective)  # type: ignore[type-abstract]


def aggregator_class(name: str) -> type[Aggregator]:
    """Return the aggregator called ``name``: one of ours, or ``module:Class`` of anybody's, which is imported.

    Raises:
        ValueError: There is none, or it is no aggregator.
    """
    return _class("aggregator", name, AGGREGATORS, Aggregator)  # type: ignore[type-abstract]


def sampler_class(name: str) -> type[Sampler]:
    """Return the sampler called ``name``: one of ours, or ``module:Class`` of anybody's, which is imported.

    Raises:
        ValueError: There is none, or it is no sampler.
    """
    return _class("sampling", name, SAMPLERS, Sampler)  # type: ignore[type-abstract]


def algorithm_name(algorithm: Algorithm) -> str:
    """Return the name under which ``algorithm_class`` finds the class of ``algorithm``."""
    return _name(algorithm, ALGORITHMS)


def objective_name(objective: Objective) -> str:
    """Return the name under which ``objective_class`` finds the class of ``objective``."""
    return _name(objective, OBJECTIVES)


def aggregator_name(aggregator: Aggregator) -> str:
    """Return the name under which ``aggregator_class`` finds the class of ``aggregator``."""
    return _name(aggregator, AGGREGATORS)


def sampler_name(sampler: Sampler) -> str:
    """Return the name under which ``sampler_class`` finds the class of ``sampler``."""
    return _name(sampler, SAMPLERS)


def make_algorithm(settings: Mapping[str, Any]) -> Algorithm:
    """Make an algorithm from its settings, ``name`` among them.

    Raises:
        ValueError: The name is not known.
        pydantic.ValidationError: A setting is unknown or out of range.
    """
    return _make(algorithm_class(str(settings.get("name", "maml"))), settings, ALGORITHMS)


def make_objective(settings: Mapping[str, Any]) -> Objective:
    """Make an objective from its settings, ``name`` among them.

    Raises:
        ValueError: The name is not known.
        pydantic.ValidationError: A setting is unknown or out of range.
    """
    return _make(objective_class(str(settings.get("name", "mean"))), settings, OBJECTIVES)


def make_aggregator(settings: Mapping[str, Any]) -> Aggregator:
    """Make an aggregator from its settings, ``name`` among them.

    Raises:
        ValueError: The name is not known.
        pydantic.ValidationError: A setting is unknown or out of range.
    """
    return _make(aggregator_class(str(settings.get("name", "mean"))), settings, AGGREGATORS)


def check_aggregator(aggregator: Aggregator, objective: Objective, algorithm: Algorithm) -> None:
    """Refuse an aggregator of votes where clients have none: an objective or algorithm by which others change them.

    Raises:
        ValueError: They have none; the message says why.
    """
    if aggregator.sums:
        return
    name, reason = objective_name(objective), None
    if algorithm.weighs == "none":
        name, reason = f"the algorithm {algorithm_name(algorithm)}", "whose clients send nothing"
    elif objective.apart == "sums":
        name, reason = f"--objective {name}", "which weighs clients by what each tells of itself: a liar tells anything"
    elif objective.apart == "no":
        name, reason = f"--objective {name}", "by which one client's loss changes how much the others count"
    if reason is not None:
        allowed = ", ".join(n for n, kind in OBJECTIVES.items() if kind.apart == "votes")
        raise ValueError(
            f"--aggregator {aggregator_name(aggregator)} cannot be had with {name}, {reason}; choose --aggregator mean,"
            f" or an objective of {allowed} (docs/robustness.md)"
        )


def make_sampler(settings: Mapping[str, Any]) -> Sampler:
    """Make a sampler from its settings, ``name`` among them.

    Raises:
        ValueError: The name is not known.
        pydantic.ValidationError: A setting is unknown or out of range.
    """
    return _make(sampler_class(str(settings.get("name", "uniform"))), settings, SAMPLERS)


def check_objective(objective: Objective, algorithm: Algorithm) -> None:
    """Refuse an objective that means nothing for what the algorithm's clients say.

    Raises:
        ValueError: It does not; the message says why.
    """
    name, reason = algorithm_name(algorithm), None
    if objective.uses != "nothing" and algorithm.weighs == "none":
        reason = "whose clients send nothing"
    elif objective.uses == "losses" and not algorithm.judged:
        reason = "whose clients train on their query rows and are judged before they adapt: no loss to weigh them by"
    elif objective.uses == "weights" and algorithm.weighs == "rows":
        reason = "which weighs clients by their rows already"
    if reason is not None:
        raise ValueError(
            f"--objective {objective_name(objective)} cannot be had with the algorithm {name}, {reason}; choose"
            " --objective mean or another --algorithm (docs/objectives.md)"
        )


def _class(what: str, name: str, table: Mapping[str, type[M]], base: type[M]) -> type[M]:
    module, colon, attribute = name.partition(":")
    if not colon:
        return known(what, name, table)
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise ValueError(f"{what} {name!r}: write MODULE:CLASS, with the module's full name")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{what} {name!r} cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(f"{name!r} is no subclass of {base.__module__.rpartition('.')[0]}.{base.__name__}")
    return found


def _name(model: M, table: Mapping[str, type[M]]) -> str:
    kind = type(model)
    for name, ours in table.items():
        if ours is kind:
            return name
    return f"{kind.__module__}:{kind.__qualname__}"


def _make(kind: type[M], settings: Mapping[str, Any], table: Mapping[str, type[M]]) -> M:
    own = {key: value for key, value in settings.items() if key != "name" or "name" in kind.model_fields}
    if "name" in own and own["name"] != _name(kind.model_construct(), table):
        own.pop("name")
    return kind.model_validate(own)
