"""How far each inner step takes clients: all of a family, each of its groups, and the group served worst."""

from typing import Any

import numpy as np

from metafed.fairness.groups import SMALL, group_means
from metafed.fairness.intervals import Estimate
from metafed.fairness.panel import Panel
from simulation.report.drawing.plot import Band, Figure, Line, Mark, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import scores, whole
from simulation.report.estimates import score_interval
from simulation.report.figures.base import OneRun, by_family
from simulation.report.words import families, group_name, listed, measure, short


def adaptation(run: OneRun) -> Figure:
    """Draw mean scores after each inner step, a panel a family."""
    people, kinds = run.everyone, run.kinds
    drawn, rows = by_family(people, lambda own, name: one(own, name, measure(kinds, name)))
    return Figure(
        key="adaptation",
        title="Adaptation, step by step and by group",
        finding=finding(people),
        caption=(
            "Mean score after each inner step. Blue: all evaluated clients of the family; grey: each group; red and"
            f" dotted: the group that ends lowest, of those with at least {SMALL} clients. Shaded: 95 % intervals over"
            " clients; those of the other groups are in the CSV. Dashed: the best possible mean, where"
            " it is known. What lies below −1 is drawn at the edge."
        ),
        panels=drawn,
        columns=("family", "group", "step", "mean", "low", "high", "clients"),
        rows=rows,
    )


def finding(people: Panel) -> str:
    """Say which inner step gives most in each family."""
    steps = {}
    for name in families(people):
        means = people.where(people.family == name).scores.mean(axis=0)
        if len(means) > 1:
            first = means[1] - means[0]
            steps[name] = first / (means[-1] - means[0]) if means[-1] > means[0] else None
    known = {name: share for name, share in steps.items() if share is not None}
    lost = [name for name, share in steps.items() if share is None]
    text = []
    if known:
        each = listed(
            [f"{min(1.0, max(0.0, share)):.0%} in {name}".replace("%", " %") for name, share in known.items()]
        )
        text.append(f"The first inner step brings {each} of what all of them bring.")
    if lost:
        text.append(f"In {listed(lost)} the mean ends no higher than it began.")
    return " ".join(text) or "No inner step was taken."


def one(own: Panel, name: str, scale: str) -> tuple[Drawn, list[tuple[Any, ...]]]:
    """Draw one family, and return its numbers."""
    groups = list(group_means(own.scores[:, -1], own.group.tolist()))
    large = [group for group in groups if (own.group == group).sum() >= SMALL]
    worst = large[0] if len(groups) > 1 and large else None
    curves = {None: curve(own, scale)} | {group: curve(own.where(own.group == group), scale) for group in groups}
    rows = [
        (name, "all" if group is None else group_name(group), step, e.value, e.low, e.high, e.n)
        for group, estimates in curves.items()
        for step, e in enumerate(estimates)
    ]
    steps = list(range(own.scores.shape[1]))
    marks: list[Mark] = []
    for group in groups if len(groups) > 1 else ():
        if group != worst:
            marks.append(line(steps, curves[group], "context", 1.0, says=text(group, curves[group])))
    if worst is not None:
        marks += [
            *shade(steps, curves[worst], "harm"),
            line(steps, curves[worst], "harm", 2, "1 4", text(worst, curves[worst])),
        ]
    marks += [*shade(steps, curves[None], "after"), line(steps, curves[None], "after", 2.4, says="all clients")]
    end = curves[None][-1]
    words: list[tuple[str, Role]] = [(f"all {short(end.value)}", "after")]
    says = f"from {short(curves[None][0].value)} to {short(end.value)} in {steps[-1]} steps"
    if worst is not None:
        last = curves[worst][-1]
        words.append((f"lowest group, {cut(group_name(worst))} {short(last.value)}", "harm"))
        says += f"; the lowest group, “{group_name(worst)}”, ends at {short(last.value)}"
    best = float(own.oracle_score.mean()) if np.isfinite(own.oracle_score).all() else None
    if best is not None:
        marks.insert(0, Line((0, steps[-1]), (best, best), "muted", 1.2, "5 4", says=f"best possible {short(best)}"))
        words.append((f"best possible {short(best)}", "muted"))
    values = [e.value for estimates in curves.values() for e in estimates if e.value is not None]
    return Drawn(
        name, scale, words, whole(0, max(1, steps[-1]), "inner step"), scores(values, "mean score"), marks, says
    ), rows  # fmt: skip


def curve(own: Panel, scale: str) -> list[Estimate]:
    """Return the mean after each step with its interval."""
    return [score_interval(own.scores[:, step], scale) for step in range(own.scores.shape[1])]


def line(steps: list[int], estimates: list[Estimate], role: Role, width: float, dash: str = "", says: str = "") -> Line:
    """Draw means."""
    return Line(steps, [e.value or 0.0 for e in estimates], role, width, dash, says=says)


def shade(steps: list[int], estimates: list[Estimate], role: Role) -> list[Mark]:
    """Shade the intervals of a curve, where it has them."""
    known = [
        (step, e.low, e.high)
        for step, e in zip(steps, estimates, strict=True)
        if e.low is not None and e.high is not None
    ]
    if len(known) < 2:
        return []
    return [Band([k[0] for k in known], [k[1] for k in known], [k[2] for k in known], role)]


def text(group: str, estimates: list[Estimate]) -> str:
    """Return what a group's line says to a pointer."""
    return f"{group_name(group)}: {short(estimates[0].value)} to {short(estimates[-1].value)}, n = {estimates[-1].n}"


def cut(name: str, most: int = 22) -> str:
    """Shorten a long name; its whole is in the tables."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
