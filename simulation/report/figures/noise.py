"""Who pays for privacy: the worst tenth, the mean and the harmed share of clients against ε."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from simulation.records.methods import Method
from simulation.report.drawing.plot import Figure, Line, Mark, Points, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import logarithmic, scores
from simulation.report.figures.base import SeveralRuns
from simulation.report.figures.beside import Beside
from simulation.report.words import short

SIDES: tuple[tuple[str, str, Role], ...] = (
    ("after", "mean", "after"),
    ("worst10", "worst tenth", "before"),
    ("harmed", "harmed share", "harm"),
)
"""Measure, words, colour."""


def privacy(runs: SeveralRuns) -> Figure | None:
    """Draw a panel a family, of the runs that are differentially private; None where fewer than two differ in ε.

    Those without privacy are the lines at the edges.
    """
    methods, tables, who = runs.methods, runs.tables, runs.who
    cost = {method.name: spent for method in methods if (spent := epsilon(method)) is not None}
    if len(set(cost.values())) < 2:
        return None
    models = {
        method.name: str((method.first.manifest["experiment"].get("privacy") or {}).get("model", "central"))
        for method in methods
    }
    drawn = [panel(table, cost, models) for table in tables if any(name in table.methods for name in cost)]
    if not drawn:
        return None
    return Figure(
        key="privacy",
        title="Who pays for privacy",
        finding=f"{drawn[0].says[0].upper()}{drawn[0].says[1:]}.",
        caption=(
            f"Against ε, what all rounds of a run have cost: mean score of its {who} clients after adaptation, the mean"
            " of their worst tenth, and the share that adaptation harms. To the left is more privacy. Rings: noise at"
            f" the client (local). Dotted: the runs without privacy. ε says nothing of this record, only of θ."
            f" {runs.intervals}"
        ),
        panels=drawn,
        columns=("family", "run", "model", "ε", "of", "value", "low", "high"),
        rows=[
            (table.family or "all", name, models[name] if name in cost else "none", cost.get(name), measure,
             *(ends[measure][end] for end in ("value", "low", "high")))
            for table in tables for name, ends in table.methods.items() for measure, _, _ in SIDES if measure in ends
        ],
    )  # fmt: skip


def epsilon(method: Method) -> float | None:
    """Return the ε that the runs of a method have spent, the most of its seeds; None without privacy, or a bound."""
    last = [
        next((line["epsilon"] for line in reversed(replicate.run.rounds) if line.get("epsilon") is not None), None)
        for replicate in method.seeds.values()
    ]
    known = [float(spent) for spent in last if spent is not None and spent > 0]
    return max(known) if known and len(known) == len(last) else None


def panel(table: Beside, cost: Mapping[str, float], models: Mapping[str, str]) -> Drawn:
    """Draw one family."""
    private = sorted((name for name in table.methods if name in cost), key=lambda name: cost[name])
    x = logarithmic(cost[private[0]], cost[private[-1]], "ε")
    marks: list[Mark] = []
    known: list[float] = []
    for measure, words, role in SIDES:
        for name, ends in table.methods.items():
            if name not in cost and (value := ends.get(measure, {}).get("value")) is not None:
                says = f"{name}, {words}: {short(value)}"
                marks.append(Line((x.low, x.high), (value, value), role, 1.2, "2 4", says=says))
                known.append(value)
        for model in kinds_of_noise(models):
            own = [(name, table.methods[name].get(measure)) for name in private if models[name] == model]
            places = [(cost[name], name, ends) for name, ends in own if ends and ends["value"] is not None]
            marks.append(Line([at for at, _, _ in places], [e["value"] for _, _, e in places], role, 1.4))
            marks += [mark for at, name, ends in places for mark in point(at, name, ends, words, role, model)]
            known += [e[end] for _, _, e in places for end in ("value", "low") if e[end] is not None]
    y = scores(known, "score, share")
    return Drawn(
        table.family or "all families",
        "",
        [(words, role) for _, words, role in SIDES],
        x,
        y,
        marks,
        finding_text(table, alike(private, models), cost),
        170.0,
    )


def point(at: float, name: str, ends: Mapping[str, Any], words: str, role: Role, model: str) -> list[Mark]:
    """Draw a value with its interval."""
    says = f"{name}, {words}: {short(ends['value'])} at ε {at:.3g}"
    marks: list[Mark] = []
    if ends["low"] is not None:
        marks.append(Line((at, at), (ends["low"], ends["high"]), role, 1.2, opacity=0.6))
    shape: Literal["dot", "cross", "ring"] = "cross" if role == "harm" else "ring" if model == "local" else "dot"
    return [*marks, Points((at,), (ends["value"],), role, shape, 3.4, says=(says,))]


def alike(private: Sequence[str], models: Mapping[str, str]) -> list[str]:
    """Return the runs of one model of noise, that of most of them: ε of two models is not of the same thing."""
    return max(([name for name in private if models[name] == kind] for kind in kinds_of_noise(models)), key=len)


def kinds_of_noise(models: Mapping[str, str]) -> list[str]:
    """Return what ``--privacy.model`` names: ours first, then others in the order of the runs."""
    return list(dict.fromkeys(["central", "local", *models.values()]))


def finding_text(table: Beside, private: Sequence[str], cost: Mapping[str, float]) -> str:
    """Say what the worst tenth has at the least ε and at the largest."""
    least, most = (table.methods[name]["worst10"]["value"] for name in (private[0], private[-1]))
    if least is None or most is None:
        return "no worst tenth is known"
    ends = f"{short(least)} at ε {cost[private[0]]:.3g} and {short(most)} at ε {cost[private[-1]]:.3g}"
    return f"the worst tenth reaches {ends}"
