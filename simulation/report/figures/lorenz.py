"""How evenly scores are shared out: Lorenz curves, where scores are such that a share of them means something."""

from typing import Any

import numpy as np

from metafed.fairness import metrics as fairness
from metafed.fairness.metrics import Values
from metafed.fairness.panel import Panel
from simulation.report.drawing.plot import Axis, Figure, Line, Mark, Role, Text
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.figures.base import OneRun, by_family
from simulation.report.words import families, measure, short

SHARES = tuple((share / 4, f"{25 * share} %") for share in range(5))


def lorenz(run: OneRun) -> Figure:
    """Draw the Lorenz curves of scores before and after adaptation and of gains, a panel a family."""
    people, kinds, who = run.people, run.kinds, run.who
    drawn, rows = by_family(people, lambda own, name: one(own, name, measure(kinds, name)))
    return Figure(
        key="lorenz",
        title="How evenly scores are shared out",
        finding=finding(people),
        caption=(
            f"The share of all score that the worst-served part of the {who} clients hold together; on the thin"
            " diagonal all are served alike, and Gini is twice the area between. Dashed: the same of the gains. A"
            " curve exists only where no value is negative. There is no band, since none holds at the foot of the"
            " curve, where the worst served are. Even is not good: all may be served equally badly."
        ),
        panels=drawn,
        columns=("family", "of", "share of clients", "share of the total"),
        rows=rows,
    )


def finding(people: Panel) -> str:
    """Say in how many families adaptation makes scores more even, where that can be said."""
    known, evener = [], []
    for name in families(people):
        own = people.where(people.family == name)
        before, after = fairness.gini(own.scores[:, 0]), fairness.gini(own.scores[:, -1])
        if before is not None and after is not None:
            known.append(name)
            evener += [name] if after < before else []
    if not known:
        return "In no family are all scores such that a share of them means something."
    count = len(families(people))
    others = count - len(known)
    rest = f"; in {others} a score is negative or all are zero, so that there is no share" if others else ""
    return f"Scores are more evenly shared after adaptation than before in {len(evener)} of {count} families{rest}."


def one(own: Panel, name: str, scale: str) -> tuple[Drawn, list[tuple[Any, ...]]]:
    """Draw one family, and return its numbers."""
    before, after = own.scores[:, 0], own.scores[:, -1]
    marks: list[Mark] = []
    words: list[tuple[str, Role]] = []
    rows: list[tuple[Any, ...]] = []
    sentences, missing = [], []
    sides: tuple[tuple[str, Role, Values, str], ...] = (
        ("before", "before", before, ""), ("after", "after", after, ""), ("gain", "context", after - before, "4 4"),
    )  # fmt: skip
    for what, role, values, dash in sides:
        reason = fairness.gini.undefined(values)
        if reason is not None:
            missing.append(f"{'of gains' if what == 'gain' else what}: {reason}")
            continue
        gini = fairness.gini(values)
        x, y = curve(values)
        marks.append(Line(x, y, role, 2.4 if what == "after" else 1.6, dash, says=f"{what}: Gini {short(gini)}"))
        words.append((f"{what} {short(gini)}", role))
        sentences.append(f"Gini {short(gini)} {'of gains' if what == 'gain' else what}")
        rows += [(name, what, *ends) for ends in zip(x, y, strict=True)]
    if words:
        words.insert(0, ("Gini", "muted"))
        marks.insert(0, Line((0, 1), (0, 1), "muted", 1, says="all alike"))
    for number, reason in enumerate(missing):
        marks.append(Text(0, 1, reason, "muted", dx=6, dy=17 + 14 * number))
    says = ", ".join(sentences) if sentences else f"no curve ({'; '.join(missing)})"
    x_axis, y_axis = (
        Axis(0, 1, SHARES, "clients, the worst served first"),
        Axis(0, 1, SHARES, "share of the total", grid=True),
    )
    return Drawn(name, scale, words, x_axis, y_axis, marks, says), rows


def curve(values: Values) -> tuple[list[float], list[float]]:
    """Return the corners of the Lorenz curve of values ≥ 0 that are not all zero."""
    share = np.concatenate([[0.0], np.cumsum(np.sort(values))])
    return (np.arange(len(values) + 1) / len(values)).tolist(), (share / share[-1]).tolist()
