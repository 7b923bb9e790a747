"""Things by name: near misses are suggested, and an algorithm may live outside the tree."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from metafed.algorithms import ALGORITHMS, Algorithm

T = TypeVar("T")


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
    module, colon, attribute = name.partition(":")
    if not colon:
        return known("algorithm", name, ALGORITHMS)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"algorithm {name!r} cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Algorithm)):
        raise ValueError(f"{name!r} is no subclass of metafed.algorithms.Algorithm")
    return found


def algorithm_name(algorithm: Algorithm) -> str:
    """Return the name under which ``algorithm_class`` finds the class of ``algorithm``."""
    kind = type(algorithm)
    for name, ours in ALGORITHMS.items():
        if ours is kind:
            return name
    return f"{kind.__module__}:{kind.__qualname__}"


def make_algorithm(settings: Mapping[str, Any]) -> Algorithm:
    """Make an algorithm from its settings, ``name`` among them.

    Raises:
        ValueError: The name is not known.
        pydantic.ValidationError: A setting is unknown or out of range.
    """
    kind = algorithm_class(str(settings.get("name", "maml")))
    own = {key: value for key, value in settings.items() if key != "name" or "name" in kind.model_fields}
    if "name" in own and own["name"] != algorithm_name(kind.model_construct()):
        own.pop("name")
    return kind.model_validate(own)
