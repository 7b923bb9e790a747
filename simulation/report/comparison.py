"""Several runs as one page: the frontier, differences in pairs, and each run's own numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metafed.fairness.good import unbeaten
from simulation.analysis.choices import families, has_unseen
from simulation.analysis.comparable import check_comparable
from simulation.analysis.differences import intervals
from simulation.analysis.good import warnings
from simulation.analysis.measures import MEASURES
from simulation.analysis.references import across_seeds
from simulation.analysis.references import sentences as of_references
from simulation.analysis.tables import SHARES
from simulation.cli.errors import BadInput
from simulation.records.folders import read_methods, with_references
from simulation.records.methods import Method
from simulation.report.drawing.files import shown
from simulation.report.facts import moment
from simulation.report.figures import FIGURES, OfRuns, SeveralRuns
from simulation.report.figures.beside import Beside, beside, standing
from simulation.report.findings import command
from simulation.report.words import count, listed, short, signs


def several(folders: Sequence[Path], more: Sequence[OfRuns] = (), labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return the template's variables for the runs in ``folders``; ``more`` are figures beyond ours.

    Raises:
        BadInput: One is no run's folder or damaged, or they cannot be compared.
    """
    runs, notes = several_runs(folders, labels)
    tables, names = runs.tables, [method.name for method in runs.methods]
    beside = {method.name: across_seeds(method, runs.who) for method in runs.methods}
    simple = {name: found for name, found in beside.items() if found}
    bad = warnings(runs.methods, {table.family or "all": {"methods": table.methods} for table in tables[1:] or tables},
                   runs.who)  # fmt: skip
    drawn = [(figure.draw(runs), figure.words) for figure in (*FIGURES, *more) if isinstance(figure, OfRuns)]
    return {
        "name": folders[0].resolve().name if len(folders) == 1 else f"{count(len(names), 'run')} compared",
        "part": runs.who,
        "first": names[0],
        "seeds": tables[0].seeds,
        "clients": tables[0].clients,
        "notes": notes,
        "remarks": tables[0].remarks,
        "tiles": tiles(bad, simple),
        "sentences": [
            *map(signs, bad),
            *(
                signs(f"{name}: {sentence}" if len(names) > 1 else sentence)
                for name, found in simple.items()
                for sentence in of_references(found, runs.who)
            ),
            *sentences(tables[0], runs.who),
        ],
        "simple": simple,
        "tables": tables,
        "words": {name: measure.words for name, measure in MEASURES.items()},
        "shares": SHARES,
        "better": {name: measure.better for name, measure in MEASURES.items()},
        "figures": [{**shown(figure), "words": words} for figure, words in drawn if figure is not None],
        "runs": [about(method) for method in runs.methods],
    }


def several_runs(folders: Sequence[Path], labels: Sequence[str] = ()) -> tuple[SeveralRuns, list[str]]:
    """Return what is known of the runs in ``folders``, and what must be said of them.

    Raises:
        BadInput: As ``several``.
    """
    methods = with_references(read_methods(folders, labels))
    notes = [note for method in methods for note in method.notes]
    notes += check_comparable(methods) if len(methods) > 1 else []
    part, tables = compared(methods)
    return SeveralRuns(methods, part, tables, intervals(tables[0].seeds)), notes


def tiles(bad: Sequence[str], simple: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what stands first where a method is no good by any standard; nothing where all are good."""
    found = [{"name": "Know this first", "value": count(len(bad), "warning"), "range": signs(bad[0])}] if bad else []
    for name, references in simple.items():
        found += [
            {"name": f"{one.name}: {name}", "value": one.value, "range": signs(one.words)}
            for one in unbeaten(references)
        ]
    return found


def compared(methods: Sequence[Method]) -> tuple[str, list[Beside]]:
    """Return which clients are compared, and the numbers of all of them and of each family.

    Raises:
        BadInput: They cannot be compared.
    """
    part, named = "unseen" if any(map(has_unseen, methods)) else "seen", families(methods)
    wanted: list[str | None] = [None, *(named if len(named) > 1 else ())]
    try:
        return part, [beside(methods, part, family) for family in wanted]
    except ValueError as error:
        raise BadInput(f"these runs cannot be compared: {error}") from None


def sentences(table: Beside, part: str) -> list[str]:
    """Say who is best for whom."""
    best = {}
    for measure in ("after", "worst10"):
        known = {name: values[measure]["value"] for name, values in table.methods.items()}
        values = {name: value for name, value in known.items() if value is not None}
        if values:
            best[measure] = (max(values, key=lambda name: values[name]), values)
    if len(best) < 2:
        return [f"No {part} client has a finite score in every run."]
    (top, means), (kindest, tails) = best["after"], best["worst10"]
    if len(means) == 1:
        alone = f"{part.capitalize()} clients score {short(means[top])} after adaptation"
        return [f"{alone}; their worst tenth reach {short(tails[top])}."]
    sentence = f"{part.capitalize()} clients score highest with {top}: {short(means[top])} on average"
    if top == kindest:
        tail = f"their worst tenth scores highest with it too: {short(tails[top])}"
        return [f"{sentence}{standing(table, 'after', top)}; {tail}{standing(table, 'worst10', top)}."]
    worst = (
        f"The worst tenth scores highest with {kindest}: {short(tails[kindest])}{standing(table, 'worst10', kindest)}"
    )
    return [
        f"{sentence}{standing(table, 'after', top)}, and {short(tails[top])} in the worst tenth.",
        f"{worst}, at a mean of {short(means[kindest])}.",
    ]


def about(method: Method) -> dict[str, Any]:
    """Return what is said of a method's runs at the end of the page."""
    run = method.first
    return {
        "name": method.name,
        "command": command(run.manifest.get("argv", [])),
        "seeds": listed([str(seed) for seed in method.seeds]),
        "started": moment(run.manifest.get("start")),
        "folders": [str(replicate.run.folder) for replicate in method.seeds.values()],
        "round": listed(sorted({str(replicate.round) for replicate in method.seeds.values()})),
        "theta": run.manifest.get("theta_sha256"),
    }
