"""``summary.json`` of a study: its method and its references across seeds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metafed.fairness.panel import VALIDATION, last_evaluation
from server.files import write_json
from simulation.analysis.differences import comparison, remarks
from simulation.analysis.good import warnings
from simulation.analysis.measures import USUAL
from simulation.analysis.references import across_seeds, sentences
from simulation.cli.errors import BadInput
from simulation.records.folders import named, with_references
from simulation.records.methods import Method, read_method


def write_summary(folder: Path) -> Path | None:
    """Write the summary of the study in ``folder``; None where no run of it was evaluated yet."""
    try:
        own = read_method(folder)
    except BadInput:
        return None
    write_json(folder / "summary.json", study_summary(own))
    return folder / "summary.json"


def study_summary(own: Method) -> dict[str, Any]:
    """Summarize a study: for unseen and seen clients, all of them and by family.

    Returns:
        ``kind``, ``name``, ``seeds``, ``notes``, ``remarks``, and by part: ``all`` clients and ``by_family``, each a
        comparison of the method with its references (``differences.comparison``); null where there are no
        such clients. ``simple_references`` has the simple ones, by part. ``validation`` is there where clients were
        held out to choose by.
    """
    methods = [method for method in with_references(named([own])) if set(method.seeds) & set(own.seeds)]
    people = [replicate.people for replicate in own.seeds.values()]
    parts: dict[str, Any] = {}
    for part, is_seen in (("unseen", False), ("seen", True)):
        there = [panel.where(panel.seen == is_seen) for panel in people]
        if not any(len(panel) for panel in there):
            parts[part] = None
            continue
        families = sorted({str(name) for panel in there for name in np.unique(panel.family.astype(str))})
        parts[part] = {
            "all": against(methods, part, None),
            "by_family": {name: against(methods, part, name) for name in families} if len(families) > 1 else {},
        }
    first = parts["unseen"] or parts["seen"]
    simple = {name: across_seeds(own, name) for name in ("unseen", "seen")}
    part = "unseen" if parts["unseen"] else "seen"
    choosing = [of_validation(method) for method in methods]
    if any(len(replicate.people) for replicate in choosing[0].seeds.values()):
        parts[VALIDATION] = {"all": against(choosing, "all", None), "by_family": {}}
    return {
        "kind": "study",
        "seeds": sorted(own.seeds),
        "references": list(own.references),
        "notes": list(own.notes) + [note for method in own.references.values() for note in method.notes],
        "remarks": [
            *(warnings(methods, first["by_family"] or {"all": first["all"]}, part) if first else []),
            *(remarks(first["all"]) if first else []),
            *sentences(simple[part], part),
        ],
        "simple_references": simple,
        **parts,
    }


def of_validation(method: Method) -> Method:
    """Return a method whose clients are those that are held out to choose by."""
    seeds = {}
    for seed, own in method.seeds.items():
        rows = own.run.clients
        people = own.people.where(np.zeros(len(own.people), bool))
        seeds[seed] = replace(own, people=people if rows is None else last_evaluation(rows, VALIDATION)[1], alone=None)
    return replace(method, seeds=seeds, references={})


def against(methods: list[Method], part: str, family: str | None) -> dict[str, Any]:
    """Compare the first method with each of the others."""
    pairs = [(0, index) for index in range(1, len(methods))]
    found = comparison(methods, [], part, family)
    # tested are the usual measures only: every further one would make each of them harder to tell from chance
    tested = comparison(methods, pairs, part, family, USUAL)
    return {**found, "differences": tested["differences"]}
