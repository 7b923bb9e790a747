"""How meta-training went: evaluated clients' scores and losses by round, with the cohort's behind them."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.fairness.intervals import Estimate, mean_interval
from metafed.fairness.panel import Panel
from simulation.report.drawing.plot import Axis, Figure, Line, Mark, Points, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import linear, logarithmic, scores, whole
from simulation.report.estimates import score_interval
from simulation.report.figures.base import OneRun
from simulation.report.words import between, families, listed, measure, short

if TYPE_CHECKING:
    import polars as pl

Lines = Sequence[Mapping[str, Any]]


def learning(run: OneRun) -> Figure | None:
    """Draw scores by round, a panel a family; None without a trained or evaluated round."""
    rounds, evaluated, who, kinds = run.run.rounds, run.evaluations, run.who, run.kinds
    drawn: list[Drawn] = []
    rows: list[tuple[Any, ...]] = []
    for name in names(rounds, evaluated):
        cohort = series(rounds, name, "score")
        rows += [(name, "cohort", number, value, None, None, None) for number, value in cohort]
        words: list[tuple[str, Role]] = [("cohort", "context")] if cohort else []
        marks, says = smooth(cohort), "no evaluation"
        known_values = [value for _, value in cohort]
        sides: tuple[tuple[Role, int], ...] = (("before", 0), ("after", -1))
        for role, step in sides:
            known = estimates(evaluated, name, step, measure(kinds, name))
            rows += [(name, f"{who} {role}", number, e.value, e.low, e.high, e.n) for number, e in known]
            marks += whiskers(known, role, role)
            known_values += [end for _, e in known for end in (e.value, e.low) if end is not None]
            if known:
                words.append((f"{role} {short(known[-1][1].value)}", role))
                ends = [f"{short(estimate.value)} in round {number}" for number, estimate in (known[0], known[-1])]
                says = f"after adaptation {', '.join(ends)}"
        y = scores(known_values, "mean score")
        drawn.append(Drawn(name, measure(kinds, name), words, by_round(rounds, evaluated), y, marks, says))
    if not drawn:
        return None
    return Figure(
        key="learning",
        title="Scores by round",
        finding=finding(evaluated, who),
        caption=(
            f"Points: all evaluated {who} clients before and after adaptation, with 95 % intervals."
            " Grey: each round’s cohort on its training draws, after adaptation (bold: running mean); it has no"
            " interval, since it is another cohort every round. Scores below −1 are drawn at the edge."
        ),
        panels=drawn,
        columns=("family", "who", "round", "mean", "low", "high", "clients"),
        rows=rows,
    )


def losses(run: OneRun) -> Figure | None:
    """Draw query losses after adaptation by round, a panel a family; None if nothing was trained."""
    rounds, clients, evaluated, who = run.run.rounds, run.run.clients, run.evaluations, run.who
    drawn: list[Drawn] = []
    rows: list[tuple[Any, ...]] = []
    for name in names(rounds, {}):
        cohort = series(rounds, name, "loss")
        rows += [(name, "cohort", number, value, None, None, None) for number, value in cohort]
        own = {number: people.where(people.family == name) for number, people in evaluated.items()}
        known = [] if clients is None else [(number, lost(clients, number, people)) for number, people in own.items()]
        known = [(number, e) for number, e in known if e.value is not None]
        rows += [(name, who, number, e.value, e.low, e.high, e.n) for number, e in known]
        marks = [*smooth(cohort), *whiskers(known, "after", "loss")]
        says = f"the cohort’s loss goes from {cohort[0][1]:.3g} to {cohort[-1][1]:.3g}" if cohort else "no finite loss"
        words: list[tuple[str, Role]] = [("cohort", "context")]
        if known:
            words.append((f"{who} {known[-1][1].value:.3g}", "after"))
        y = range_of(
            [value for _, value in cohort]
            + [value for _, e in known for value in (e.value, e.low, e.high) if value is not None]
        )
        drawn.append(Drawn(name, "", words, by_round(rounds, evaluated), y, marks, says.replace("-", "−"), height=120))
    if not drawn:
        return None
    return Figure(
        key="losses",
        title="Query loss by round",
        finding=f"{'; '.join(f'{panel.name}: {panel.says}' for panel in drawn)}.",
        caption=(
            f"Query loss after adaptation. Blue: all evaluated {who} clients, with 95 % intervals;"
            " grey: each round’s cohort on its training draws. Losses of different families do not compare."
        ),
        panels=drawn,
        columns=("family", "who", "round", "mean", "low", "high", "clients"),
        rows=rows,
    )


def finding(evaluated: Mapping[int, Panel], who: str) -> str:
    """Say what meta-training brought the evaluated clients, from the first evaluation to the last."""
    numbers = [number for number in sorted(evaluated) if len(evaluated[number])]
    if len(numbers) < 2:
        return "There are not two evaluations to compare."
    first, last = evaluated[numbers[0]], evaluated[numbers[-1]]
    ends = [
        (name, float(first.scores[first.family == name, -1].mean()), float(last.scores[last.family == name, -1].mean()))
        for name in families(last)
        if (first.family == name).any()
    ]
    each = [f"{short(low)} to {short(high)} in {name}" for name, low, high in ends]
    return f"From round {numbers[0]} to {numbers[-1]}, scores after adaptation of {who} clients go from {listed(each)}."


def names(rounds: Lines, evaluated: Mapping[int, Panel]) -> list[str]:
    """Return the families that trained or were evaluated, in order."""
    trained = {name for line in rounds for name in line["families"]}
    return sorted(trained | {name for people in evaluated.values() for name in families(people)})


def series(rounds: Lines, name: str, what: str) -> list[tuple[int, float]]:
    """Return a family's finite values by round."""
    found = ((line["round"], line["families"].get(name, {}).get(what)) for line in rounds)
    return [(number, value) for number, value in found if value is not None and math.isfinite(value)]


def estimates(evaluated: Mapping[int, Panel], name: str, step: int, scale: str) -> list[tuple[int, Estimate]]:
    """Return the mean of a family's evaluated clients by round."""
    found = [
        (number, score_interval(people.where(people.family == name).scores[:, step], scale))
        for number, people in sorted(evaluated.items())
    ]
    return [(number, estimate) for number, estimate in found if estimate.value is not None]


def lost(clients: "pl.DataFrame", number: int, people: Panel) -> Estimate:
    """Return the mean query loss of these clients after adaptation in one evaluated round."""
    rows = clients.filter((clients["phase"] == "evaluate") & (clients["round"] == number))
    rows = rows.filter(rows["client"].is_in(people.client.tolist())).sort("client", "step")
    last = rows.group_by("client", maintain_order=True).last()["loss"].to_numpy().astype(np.float64)
    return mean_interval(last)


def smooth(points: Sequence[tuple[int, float]]) -> list[Mark]:
    """Draw a noisy series thinly, and its running mean over a twentieth of the rounds boldly."""
    if not points:
        return []
    x, y = [float(x) for x, _ in points], np.array([y for _, y in points])
    half = max(1, len(y) // 40)
    mean = [float(y[max(0, i - half) : i + half + 1].mean()) for i in range(len(y))]
    return [
        Line(x, y.tolist(), "context", 0.8, opacity=0.45),
        Line(x, mean, "context", 1.6, says="cohort, running mean"),
    ]


def whiskers(known: Sequence[tuple[int, Estimate]], role: Role, what: str) -> list[Mark]:
    """Draw means with intervals, joined by a thin line."""
    if not known:
        return []
    x, y = [float(number) for number, _ in known], [float(e.value or 0.0) for _, e in known]
    marks: list[Mark] = [Line(x, y, role, 1.2)]
    for number, e in known:
        if e.low is not None and e.high is not None:
            marks.append(Line((number, number), (e.low, e.high), role, 1.6, opacity=0.8))
    says = [f"round {number}, {what}: {between(e)}, n = {e.n}" for number, e in known]
    return [*marks, Points(x, y, role, radius=3.2, says=says)]


def by_round(rounds: Lines, evaluated: Mapping[int, Panel]) -> Axis:
    """Return the axis of rounds."""
    numbers = [line["round"] for line in rounds] + list(evaluated)
    return whole(min(numbers, default=0), max(numbers, default=1), "round")


def range_of(values: Sequence[float]) -> Axis:
    """Return an axis for losses: logarithmic where they differ tenfold."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low > 0 and high > 10 * low:
        return logarithmic(low, high, "query loss", grid=True)
    return linear(min(0.0, low), high, "query loss", grid=True)
