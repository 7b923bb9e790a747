"""Things by name: near misses are suggested, and what an experiment chooses may live outside the tree."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, TypeVar, final

from pydantic import BaseModel

from metafed.aggregators import AGGREGATORS, Aggregator
from metafed.algorithms import ALGORITHMS, Algorithm
from metafed.core import session
from metafed.core.names import known
from metafed.core.reading import brief
from metafed.core.session import name_of
from metafed.objectives import OBJECTIVES, Objective
from metafed.privacy import MECHANISMS, Mechanism
from metafed.sampling import SAMPLERS, Sampler
from metafed.scores import LOWER_IS_BETTER, SCORES, Score, kinds_of, scale
from metafed.tasks.task import Kind

M = TypeVar("M", bound=BaseModel)


def imported(what: str, name: str) -> Any:
    """Return what ``module:name`` names, or ``session:name``, which this Python session defined.

    Raises:
        ValueError: It is no such name, or cannot be imported.
    """
    module, _, attribute = name.partition(":")
    if module == session.SESSION:
        try:
            return session.found(name)
        except KeyError:
            raise ValueError(
                f"{what} {name!r} was defined in a Python session, which no other process knows: save it in a module"
                " and name that, MODULE:CLASS; or go on in that session, by run.resume()"
            ) from None
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise ValueError(f"{what} {name!r}: write MODULE:CLASS, with the module's full name")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # whatever a module does that is not meant to be imported
        # Python's own words say enough of a name that is not there
        kind = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
        raise ValueError(f"{what} {name!r} cannot be imported: {kind}{brief(error, 200)}") from None


MOST_SCORES = 16
"""Scores of a run beside its families' own, at most."""


def parse_scores(text: str) -> dict[str, Score]:
    """Parse ``SCORE,…``, each the name of one of ours or ``MODULE:FUNCTION``, to functions by name.

    Raises:
        ValueError: One is unknown, named twice or no function, or there are too many.
    """
    names = [name for entry in text.split(",") if (name := entry.strip())]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"score {min(twice)!r} is named twice; name each score once")
    if len(names) > MOST_SCORES:
        raise ValueError(f"{len(names)} scores; choose at most {MOST_SCORES}")
    return {name: _score(name) for name in names}


def written_scores(value: Any) -> Any:
    """Write scores, which Python gives as functions and lists, as ``--score`` has them."""
    many = [value] if callable(value) or isinstance(value, str) else value
    if not isinstance(many, Sequence):
        return value
    return ",".join(name_of(one) if callable(one) else str(one) for one in many)


def headline_of(name: str | None, kind: Kind) -> Score | None:
    """Return the score called ``name`` as one that is better where it is higher; None where a kind keeps its own."""
    if name is None or scale(kind, name) == kind:
        return None
    score = _score(name)
    if name not in LOWER_IS_BETTER:
        return score

    @wraps(score)
    def turned(*rows: Any, **weight: Any) -> float:
        return -score(*rows, **weight)

    return turned


def _score(name: str) -> Score:
    kinds_of(name)
    found: Score = imported("score", name) if ":" in name else SCORES[name][1]
    if not callable(found):
        raise ValueError(f"score {name!r} is no function of targets and outputs")
    return found


@final
@dataclass(frozen=True)
class Kinds(Generic[M]):
    """The classes that one setting of an experiment chooses from, by name.

    Attributes:
        what: The setting.
        table: Our own classes.
        base: What all are subclasses of.
        default: The name where none is given.
    """

    what: str
    table: Mapping[str, type[M]]
    base: type[M]
    default: str

    def find(self, name: str) -> type[M]:
        """Return the class called ``name``: one of ours, or ``module:Class`` of anybody's.

        The second form imports, and so executes, the module: as with any code, name only what you trust.

        Raises:
            ValueError: There is none, or it is no subclass of ``base``.
        """
        if ":" not in name:
            return known(self.what, name, self.table)
        found, base = imported(self.what, name), self.base
        if not (isinstance(found, type) and issubclass(found, base)):
            raise ValueError(f"{name!r} is no subclass of {base.__module__.rpartition('.')[0]}.{base.__name__}")
        if missing := sorted(getattr(found, "__abstractmethods__", ())):
            raise ValueError(f"{self.what} {name!r} is abstract: it lacks {', '.join(missing)}")
        return found

    def name(self, model: M) -> str:
        """Return the name under which ``find`` finds the class of ``model``."""
        kind = type(model)
        for name, ours in self.table.items():
            if ours is kind:
                return name
        return session.name_of(kind)

    def make(self, settings: Mapping[str, Any]) -> M:
        """Make one from its settings, ``name`` among them.

        Raises:
            ValueError: The name is not known.
            pydantic.ValidationError: A setting is unknown or out of range.
        """
        kind = self.find(str(settings.get("name", self.default)))
        own = {key: value for key, value in settings.items() if key != "name" or "name" in kind.model_fields}
        if "name" in own and own["name"] != self.name(kind.model_construct()):
            own.pop("name")
        return kind.model_validate(own)


_ALGORITHM = Kinds("algorithm", ALGORITHMS, Algorithm, "maml")  # type: ignore[type-abstract]
_OBJECTIVE = Kinds("objective", OBJECTIVES, Objective, "mean")  # type: ignore[type-abstract]
_SAMPLING = Kinds("sampling", SAMPLERS, Sampler, "uniform")  # type: ignore[type-abstract]
_AGGREGATOR = Kinds("aggregator", AGGREGATORS, Aggregator, "mean")  # type: ignore[type-abstract]
_MECHANISM = Kinds("--privacy.model", MECHANISMS, Mechanism, "central")  # type: ignore[type-abstract]
algorithm_class, algorithm_name = _ALGORITHM.find, _ALGORITHM.name
objective_name = _OBJECTIVE.name
sampler_name = _SAMPLING.name
aggregator_name = _AGGREGATOR.name
mechanism_class = _MECHANISM.find
KINDS: dict[str, Kinds[Any]] = {
    "algorithm": _ALGORITHM,
    "objective": _OBJECTIVE,
    "sampling": _SAMPLING,
    "aggregator": _AGGREGATOR,
}
"""By the name of the setting."""
