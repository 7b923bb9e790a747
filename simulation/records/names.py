"""What a method is called, wherever methods stand side by side: what differs between them, and never a path."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from metafed.algorithms import ALGORITHMS

PARTS = ("objective", "aggregator", "sampling", "privacy", "network", "encoder", "faults")
"""Settings that are a part of a method, and are named wherever methods differ in them."""
ALONE = ("objective", "aggregator", "privacy")
"""Those that are named of a method that stands by itself."""
USUAL = {"objective": "mean", "aggregator": "mean", "sampling": "uniform", "network": "auto"}
"""Values that need no words beside another name."""
UNNAMED = ("seed", "algorithm", "data_dir", *PARTS)
"""Settings that are no words of their own: the seed tells no methods apart, and a folder is a path."""
LONG_NUMBER = re.compile(r"\d\.\d{5,}(?:e-?\d+)?")
"""Numbers such as a search draws: four digits of them do, unless they are all that differs."""

Settings = Mapping[str, Any]


def title(algorithm: str) -> str:
    """Return an algorithm's name as papers write it; of a class of somebody's own, the class's name."""
    return ALGORITHMS[algorithm].title if algorithm in ALGORITHMS else algorithm.rpartition(":")[2]


def name_of(experiment: Settings) -> str:
    """Return the name of a method that stands by itself: its algorithm, and what is not usual of its parts."""
    parts = [words(part, part_of(experiment, part)) for part in ALONE if not usual(part, part_of(experiment, part))]
    return ", ".join([algorithm(experiment), *parts])


def names_of(experiments: Sequence[Settings], references: Sequence[str | None] = ()) -> list[str] | None:
    """Return a name for each method, of what differs between them; None where nothing does that can be named.

    First come the parts of a method (its algorithm, its objective, …) in which they differ. Where that leaves two
    with one name, all settings follow in which any two of them differ.

    Args:
        experiments: The settings of each, as manifests hold them; what differs in the seed only is one method.
        references: The word of ``--references`` for those that are a study's references, None for others.
    """
    if len(experiments) == 1:
        return [(references[0] if references else None) or name_of(experiments[0])]
    heads = [
        reference or algorithm(experiment)
        for experiment, reference in zip(experiments, references or [None] * len(experiments), strict=True)
    ]
    parts = [{part: part_of(experiment, part) for part in PARTS} for experiment in experiments]
    differing = [part for part in PARTS if len({repr(own[part]) for own in parts}) > 1]
    named: list[list[str]] = []
    for values, head in zip(parts, heads, strict=True):
        own = [head] if len(set(heads)) > 1 else []
        unusual = [part for part in differing if not usual(part, values[part])]
        named.append(own + [words(part, values[part]) for part in (unusual if own or unusual else differing)])
    if len({tuple(own) for own in named}) < len(named):
        rest = [settings(experiment) for experiment in experiments]
        for key in dict.fromkeys(key for own in rest for key in own):
            if len({own[key] for own in rest if key in own}) > 1:
                named = [
                    [*own, f"{key} = {values[key]}"] if key in values else own
                    for own, values in zip(named, rest, strict=True)
                ]
    made = [", ".join(own) for own in named]
    short = [LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", own) for own in made]
    return next((names for names in (short, made) if all(names) and len(set(names)) == len(names)), None)


def algorithm(experiment: Settings) -> str:
    """Return the name of the algorithm."""
    return title(str((experiment.get("algorithm") or {}).get("name", "?")))


def part_of(experiment: Settings, part: str) -> Any:
    """Return a part of a method; how clients are sampled is no choice where privacy asks for it."""
    private = part == "sampling" and not usual("privacy", experiment.get("privacy"))
    return {"name": USUAL[part]} if private else experiment.get(part)


def usual(part: str, value: Any) -> bool:
    """Say whether a part is what most experiments have."""
    if part == "privacy":
        return (value or {}).get("noise") is None and (value or {}).get("epsilon") is None
    return chosen(value) in (None, "", "None", USUAL.get(part))


def chosen(value: Any) -> Any:
    """Return the name of what is chosen by name, or the value itself."""
    return value.get("name") if isinstance(value, Mapping) else value


def words(part: str, value: Any) -> str:
    """Write a part of a method: ``objective = tilted, t = 1``."""
    if part == "privacy":
        return privacy(value or {})
    if usual(part, value) and part not in USUAL:
        return f"no {part}"
    if not isinstance(value, Mapping):
        return f"{part} = {shown(USUAL.get(part) if value is None else value)}"
    return f"{part} = {component(value)}"


def component(value: Settings) -> str:
    """Write what is chosen by name, with its settings: ``tilted, t = 1``."""
    own = [f"{name(key)} = {shown(each)}" for key, each in value.items() if key != "name" and each is not None]
    return ", ".join([str(value.get("name", "?")), *own])


def privacy(value: Settings) -> str:
    """Write what privacy costs, and where its noise is made."""
    if usual("privacy", value):
        return "no privacy"
    spent = ("ε", value["epsilon"]) if value.get("epsilon") is not None else ("noise", value["noise"])
    model = value.get("model", "central")
    where = [] if model == "central" else ["of each client" if model == "local" else str(model)]
    return ", ".join([f"{spent[0]} = {shown(spent[1])}", *where])


def settings(experiment: Settings) -> dict[str, str]:
    """Return all settings that are no part of a method, as texts by the names of their flags."""
    own = (experiment.get("algorithm") or {}).items()
    found = {name(key): shown(value) for key, value in own if key != "name"}
    for key, value in experiment.items():
        if key in UNNAMED:
            continue
        nested = value if isinstance(value, Mapping) else None
        found |= {name(key): shown(value)} if nested is None else {
            f"{name(key)}.{name(leaf)}": shown(each) for leaf, each in nested.items()
        }  # fmt: skip
    return {
        **found,
        **{f"privacy.{name(key)}": shown(value) for key, value in (experiment.get("privacy") or {}).items()},
    }


def name(key: str) -> str:
    """Write a setting as its flag."""
    return key.replace("_", "-")


def shown(value: Any) -> str:
    """Write a value; of a path, its last part."""
    if value is None or value == "":
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return PurePath(value).name if isinstance(value, str) and "/" in value else str(value)
