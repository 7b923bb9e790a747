"""Reads the folders of ``simulation.compare``: runs that differ in their seed only are one method."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulation.cli.errors import BadInput
from simulation.records.methods import Method, read_method
from simulation.records.names import names_of

LONGEST = 60
"""Characters of a label at most."""


def read_methods(folders: Sequence[Path], labels: Sequence[str] = ()) -> list[Method]:
    """Read runs and studies, join those of the same settings, and give each a name of its own.

    Args:
        folders: Of runs or studies.
        labels: What the methods are called, in the order of the folders. Default: what differs between them.

    Raises:
        BadInput: None is named, a folder is no run's, a file is damaged, one is named twice, or the labels do not fit.
    """
    if not folders:
        raise BadInput("name the folders of the runs to compare")
    resolved = [os.path.realpath(folder) for folder in folders]  # a loop of links is no folder, and no error
    twice = next((folder for folder, real in zip(folders, resolved, strict=True) if resolved.count(real) > 1), None)
    if twice is not None:
        raise BadInput(f"{twice}: named twice")
    joined: dict[str, Method] = {}
    for folder in folders:
        method = read_method(folder, str(folder))
        key = settings(method)
        joined[key] = join(joined[key], method) if key in joined else method
    methods = named(list(joined.values()))
    pairs = zip(methods, checked(labels, methods), strict=True) if labels else ()
    return [labelled(*pair, alone=len(methods) == 1) for pair in pairs] or methods


def with_references(methods: list[Method]) -> list[Method]:
    """Return the methods; where there is one, the references that were run beside it are what it is compared with."""
    return methods + list(methods[0].references.values()) if len(methods) == 1 else methods


def named(methods: Sequence[Method]) -> list[Method]:
    """Return the methods by names of what differs between them; where nothing does, a note says so."""
    settings_of = [method.first.manifest.get("experiment") or {} for method in methods]
    found = names_of(settings_of, [method.reference for method in methods])
    if found is None:
        found = [method.folder.resolve().name for method in methods]
        if len(set(found)) < len(found):
            found = [f"{number}: {name}" for number, name in enumerate(found, start=1)]
        note = f"No setting that has a name tells them apart; they are called by their folders: {', '.join(found)}."
        methods = [replace(methods[0], notes=[*methods[0].notes, note]), *methods[1:]]
    return [labelled(*pair, alone=len(methods) == 1) for pair in zip(methods, found, strict=True)]


def checked(labels: Sequence[str], methods: Sequence[Method]) -> Sequence[str]:
    """Return the labels.

    Raises:
        BadInput: There is not one for each method, or one is given twice, is a reference's name, empty, longer than
            ``LONGEST`` or not printable.
    """
    if len(labels) != len(methods):
        known = ", ".join(method.name for method in methods)
        raise BadInput(
            f"--label (labels=…): {len(labels)} given for {len(methods)} methods ({known}); give one for each, in this"
            " order"
        )
    prefixes = [f"{label}/" for label in labels] if len(methods) > 1 else [""]
    taken = [f"{prefix}{name}" for prefix, one in zip(prefixes, methods, strict=True) for name in one.references]
    for label in labels:
        if not 0 < len(label.strip()) <= LONGEST or not label.isprintable():
            raise BadInput(f"--label (labels=…) {label!r}: 1 to {LONGEST} printable characters are allowed")
        if label in taken:
            raise BadInput(f"--label (labels=…) {label!r}: is the name of a reference; choose another label")
        if labels.count(label) > 1:
            raise BadInput(f"--label (labels=…) {label!r}: given twice; each method needs a label of its own")
    return labels


def labelled(method: Method, label: str, alone: bool) -> Method:
    """Return a method by another name, and its references with it; ``alone`` says that there is no other method."""
    references = {
        name: replace(own, name=name if alone and name != label else f"{label}/{name}")
        for name, own in method.references.items()
    }
    return replace(method, name=label, references=references)


def settings(method: Method) -> str:
    """Return all that was computed but for the seed, as a text to compare."""
    experiment: dict[str, Any] = dict(method.first.manifest.get("experiment") or {})
    return json.dumps({key: value for key, value in experiment.items() if key != "seed"}, sort_keys=True)


def join(one: Method, other: Method) -> Method:
    """Return both methods' seeds as one method.

    Raises:
        BadInput: A seed is in both.
    """
    both = sorted(set(one.seeds) & set(other.seeds))
    if both:
        raise BadInput(
            f"{one.name} and {other.name} are runs of the same settings with the same seed {both[0]}: there is nothing"
            " to compare"
        )
    references = {**other.references, **one.references}
    seeds = dict(sorted({**one.seeds, **other.seeds}.items()))
    return replace(one, seeds=seeds, references=references, notes=[*one.notes, *other.notes])
