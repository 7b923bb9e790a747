"""Several runs as one page: the frontier, differences in pairs, and each run's own numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulation.analysis.choices import families, has_unseen
from simulation.analysis.comparable import check_comparable
from simulation.analysis.differences import intervals
from simulation.analysis.measures import MEASURES
from simulation.cli.errors import BadInput
from simulation.records.folders import read_methods
from simulation.records.methods import Method
from simulation.report.drawing.files import shown
from simulation.report.facts import moment, objective
from simulation.report.figures import FIGURES, OfRuns, SeveralRuns
from simulation.report.figures.beside import Beside, beside
from simulation.report.findings import command
from simulation.report.words import count, listed, short


def several(folders: Sequence[Path], more: Sequence[OfRuns] = (), labels: Sequence[str] = ()) -> dict[str, Any]:
    """Return the template's variables for the runs in ``folders``; ``more`` are figures beyond ours.

    Raises:
        BadInput: One is no run's folder or damaged, or they cannot be compared.
    """
    runs, notes = several_runs(folders, labels)
    tables, names = runs.tables, [method.name for method in runs.methods]
    drawn = [(figure.draw(runs), figure.words) for figure in (*FIGURES, *more) if isinstance(figure, OfRuns)]
    return {
        "name": folders[0].resolve().name if len(folders) == 1 else f"{count(len(names), 'run')} compared",
        "part": runs.who,
        "first": names[0],
        "seeds": tables[0].seeds,
        "clients": tables[0].clients,
        "notes": notes,
        "remarks": tables[0].remarks,
        "sentences": sentences(tables[0], runs.who),
        "tables": tables,
        "words": {name: measure.words for name, measure in MEASURES.items()},
        "better": {name: measure.better for name, measure in MEASURES.items()},
        "figures": [{**shown(figure), "words": words} for figure, words in drawn if figure is not None],
        "runs": [about(method) for method in runs.methods],
    }


def several_runs(folders: Sequence[Path], labels: Sequence[str] = ()) -> tuple[SeveralRuns, list[str]]:
    """Return what is known of the runs in ``folders``, and what must be said of them.

    Raises:
        BadInput: As ``several``.
    """
    methods, notes = read(folders, labels)
    part, tables = compared(methods)
    return SeveralRuns(methods, part, tables, intervals(tables[0].seeds)), notes


def read(folders: Sequence[Path], labels: Sequence[str] = ()) -> tuple[list[Method], list[str]]:
    """Read the runs, give each a name that a reader knows it by, and collect what must be said of them.

    Raises:
        BadInput: As ``several``.
    """
    methods = read_methods(folders, labels)
    if labels:
        methods += list(methods[0].references.values()) if len(methods) == 1 else []
    elif len(methods) == 1:
        own = methods[0]
        methods += list(own.references.values())
        methods = [
            replace(own, name=label(own)),
            *(replace(one, name=name) for name, one in zip(own.references, methods[1:], strict=True)),
        ]
    else:
        labels = [label(method) for method in methods]
        if len({words.split()[0] for words in labels}) == 1:  # what all have in common tells none from another
            labels = [words.partition(" ")[2] or "plain mean" for words in labels]
        methods = [
            replace(method, name=words if labels.count(words) == 1 else f"{words}, {Path(method.name).name}")
            for words, method in zip(labels, methods, strict=True)
        ]
    if len({method.name for method in methods}) < len(methods):
        methods = [replace(method, name=f"{number}: {method.name}") for number, method in enumerate(methods, start=1)]
    notes = [note for method in methods for note in method.notes]
    return methods, notes + (check_comparable(methods) if len(methods) > 1 else [])


def label(method: Method) -> str:
    """Return the algorithm's name, and objective with its settings, aggregator and privacy where there is any."""
    experiment = method.first.manifest.get("experiment") or {}
    algorithm = (experiment.get("algorithm") or {}).get("name", "?")
    return " ".join(filter(None, [str(algorithm), objective(method.first.manifest), *protection(experiment)]))


def protection(experiment: Mapping[str, Any]) -> list[str]:
    """Return what stands between a client's update and θ: another aggregator than the mean, and what privacy costs."""
    words = []
    aggregator = (experiment.get("aggregator") or {}).get("name", "mean")
    if aggregator != "mean":
        words.append(str(aggregator))
    privacy = experiment.get("privacy") or {}
    if privacy.get("epsilon") is not None:
        words.append(f"ε {privacy['epsilon']:g}")
    elif privacy.get("noise") is not None:
        words.append(f"noise {privacy['noise']:g}")
    if (model := privacy.get("model", "central")) != "central":
        words.append("of each client" if model == "local" else str(model))
    return words


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


def standing(table: Beside, measure: str, best: str) -> str:
    """Say the verdict of the differences that the highest number rests on: its own from the first, or all others'."""
    own = [
        entry for entry in table.differences if entry["measure"] == measure and best in (entry["one"], entry["minus"])
    ]
    verdicts = {entry["verdict"] for entry in own}
    if not verdicts:
        return ""
    if verdicts == {"points"}:
        return " (whether a difference holds is not known)"
    lowest = next(word for word in ("points", "open", "suggested", "holds") if word in verdicts)
    return f" ({'a difference' if len(own) > 1 else 'its difference from ' + other(own[0], best)}: {lowest})"


def other(entry: Mapping[str, Any], name: str) -> str:
    """Return the other of the two methods of a difference."""
    return str(entry["minus"] if entry["one"] == name else entry["one"])


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
