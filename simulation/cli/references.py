"""``--references``: the algorithms that a run is held against, with the same clients and seeds."""

from collections.abc import Mapping
from typing import Any

from metafed.algorithms import ALGORITHMS
from metafed.core.names import known
from metafed.experiment.settings import Experiment
from metafed.references import REFERENCES

ALONE = "local"
"""The reference that ``worse off than alone`` is about."""
ALIASES = {"global": "fedavg"}
"""Names of references that are not those of algorithms: one model for all, not adapted."""
SIMPLE = tuple(REFERENCES)
"""References that are computed after a run, from its clients' rows alone."""
SETS: dict[str, tuple[str, ...]] = {"none": (), "usual": SIMPLE, "all": (*SIMPLE, ALONE, "global")}
"""Words for several references at once."""


def parse_references(text: str | None) -> dict[str, dict[str, str]]:
    """Parse ``NAME[:SETTING=VALUE]…,…``: the algorithms of it, or ``global``, and settings of their own.

    Returns:
        Each algorithm's settings by its name, ``name`` of the algorithm among them; without the simple references.

    Raises:
        ValueError: A name is unknown or named twice, or a setting has no value.
    """
    found: dict[str, dict[str, str]] = {}
    for entry in entries(text):
        name, *pairs = entry.split(":")
        if entry in SIMPLE:
            continue
        known("reference", name, {**SETS, **REFERENCES, **ALIASES, **ALGORITHMS})
        if name in (*SETS, *SIMPLE):
            raise ValueError(f"{entry!r}: {name} has no settings and stands where a name can")
        if name in found:
            raise ValueError(f"reference {name!r} is named twice")
        settings = {"name": ALIASES.get(name, name)}
        for pair in pairs:
            setting, equals, value = pair.partition("=")
            if not (setting and equals and value):
                raise ValueError(f"{entry!r}: settings are written NAME:SETTING=VALUE, such as local:inner-steps=10")
            key = setting.replace("-", "_")
            if key in settings:
                raise ValueError(f"{entry!r}: {key.replace('_', '-')} is given twice; leave one out")
            settings[key] = value
        found[name] = settings
    return found


def simple_references(text: str | None) -> tuple[str, ...]:
    """Return the simple references of ``--references``, which are computed after a run.

    Raises:
        ValueError: One is named twice.
    """
    found = [entry for entry in entries(text) if entry in SIMPLE]
    if twice := [name for name in found if found.count(name) > 1]:
        raise ValueError(f"reference {twice[0]!r} is named twice")
    return tuple(found)


def entries(text: str | None) -> list[str]:
    """Return the entries of ``--references``, with what words for several stand for.

    Raises:
        ValueError: ``none`` stands beside others.
    """
    given = [item.strip() for item in (text or "").split(",") if item.strip()]
    if "none" in given and len(given) > 1:
        raise ValueError("none stands alone: leave it or the others out")
    return [name for entry in given for name in SETS.get(entry, (entry,))]


def reference(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """Return the same clients, seed, rounds and networks with the algorithm of ``settings``.

    Rates, inner steps in training and the outer optimizer are the reference's own; the objective is ``mean``. A
    reference that adapts is evaluated after as many steps as ``experiment``; one that does not, after none.

    Raises:
        pydantic.ValidationError: The algorithm does not fit the experiment, or a setting is not allowed.
    """
    values = experiment.model_dump()
    values |= {"algorithm": dict(settings), "objective": "mean", "outer_optimizer": None, "outer_lr": None}
    values["outer_schedule"] = "constant"
    plain = Experiment.model_validate({**values, "eval_steps": None, "eval": {}})
    if plain.algorithm.evaluation_steps == 0:
        return plain
    steps = experiment.evaluation_steps if experiment.eval.epochs is None else None
    return Experiment.model_validate({**values, "eval_steps": steps})
