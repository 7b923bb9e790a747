"""Where clients stand before adaptation and after it: the share at or below each score."""

import math

import numpy as np

from metafed.fairness import metrics as fairness
from metafed.fairness.harmed import gain, harmed
from metafed.fairness.intervals import Estimate
from metafed.fairness.metrics import Values
from metafed.fairness.panel import Panel
from metafed.fairness.summary import tolerances
from simulation.report.drawing.plot import Axis, Band, Figure, Line, Mark, Points, Role, Text
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import LOWEST_SHOWN, linear
from simulation.report.estimates import score_interval
from simulation.report.figures.base import OneRun
from simulation.report.words import count, families, measure, short

BELOW = {"before": -0.08, "after": -0.16}
"""How far below the curves the means lie, in shares of the clients."""


def distribution(run: OneRun) -> Figure:
    """Draw the empirical distribution functions, a panel a family."""
    people, kinds, who = run.people, run.kinds, run.who
    drawn = [panel(people.where(people.family == name), name, measure(kinds, name)) for name in families(people)]
    rows = [
        (str(family), int(client), str(group), float(before), float(after))
        for family, client, group, before, after in zip(
            people.family, people.client, people.group, people.scores[:, 0], people.scores[:, -1], strict=True
        )
    ]
    return Figure(
        key="distribution",
        title=f"{who.capitalize()} clients before and after adaptation",
        finding=finding(people, who, int(harmed(gains(people), tolerances(people, kinds)).sum())),
        caption=(
            "Height: the share of clients at or below a score. The further a blue foot trails to the left, the worse"
            " the mean hides somebody; the dotted line cuts off the worst tenth. Shaded: 95 % band of the whole blue"
            " curve (Dvoretzky, Kiefer and Wolfowitz). Dots below: means with 95 % intervals. Harmed: a"
            " score falls by more than chance allows for an accuracy on so few rows, or at all for other scores."
        ),
        panels=drawn,
        columns=("family", "client", "group", "before", "after"),
        rows=sorted(rows),
    )


def gains(people: Panel) -> Values:
    """Return what adaptation gave each client."""
    return gain(people.scores[:, 0], people.scores[:, -1])


def finding(people: Panel, who: str, hurt: int) -> str:
    """Say how many are harmed, and where the foot of the curve lies farthest below the mean."""
    sentences = [f"Adaptation harms {hurt} of {count(len(people), f'{who} client')}."]
    depth = {}
    for name in families(people):
        after = people.where(people.family == name).scores[:, -1]
        depth[name] = (fairness.mean(after) or 0.0, fairness.worst10(after) or 0.0)
    name = max(depth, key=lambda family: depth[family][0] - depth[family][1])
    mean, worst = depth[name]
    where = f"In {name} the mean hides most" if len(depth) > 1 else "The mean"
    sentences.append(f"{where}: it is {short(mean)}, and the worst tenth reach {short(worst)}.")
    return " ".join(sentences).replace("The mean: it is", "The mean is")


def panel(own: Panel, name: str, scale: str) -> Drawn:
    """Draw one family."""
    lowest = max(LOWEST_SHOWN, float(own.scores[:, [0, -1]].min(initial=0.0)))
    marks: list[Mark] = [Line((lowest, 1), (0.1, 0.1), "muted", 1, "1 3")]
    words: list[tuple[str, Role]] = []
    sides: tuple[tuple[Role, int, float], ...] = (("before", 0, 1.6), ("after", -1, 2.4))
    marks.append(band(own.scores[:, -1], lowest, "after"))
    for role, step, width in sides:
        values = own.scores[:, step]
        x, y = stairs(values, lowest)
        marks.append(Line(x, y, role, width, says=f"{name}, {role} adaptation"))
        estimate = score_interval(values, scale)
        marks += whisker(estimate, BELOW[role], role, lowest)
        words.append((f"{role} {short(estimate.value)}", role))
        hidden = int((values < lowest).sum())
        if hidden:
            below = f"← {hidden} below {lowest:g}".replace("-", "−")
            aside = 14 if 2 * hidden > len(own) else -5  # under a high line, over a low one: there it is free
            marks.append(Text(lowest, hidden / len(own), below, role, dx=4, dy=aside))
    words.append((count(len(own), "client"), "muted"))
    tail = fairness.worst10(own.scores[:, -1])
    mean = f"mean {short(fairness.mean(own.scores[:, 0]))} before, {short(fairness.mean(own.scores[:, -1]))} after"
    return Drawn(
        name=name,
        measure=scale,
        words=words,
        x=linear(lowest, 1.0, "score of one client"),
        y=Axis(-0.22, 1.0, ((0, "0"), (0.1, "10 %"), (0.5, "50 %"), (1, "100 %")), "clients at or below"),
        marks=marks,
        says=f"{mean}; the worst tenth reach {short(tail)}",
        height=165,
    )


def stairs(values: Values, lowest: float, highest: float = 1.0) -> tuple[list[float], list[float]]:
    """Return the corners of an empirical distribution function, from ``lowest`` on; what lies below is at the edge."""
    ordered = np.maximum(np.sort(values), lowest)
    share = np.arange(len(ordered) + 1) / max(1, len(ordered))
    x = np.concatenate([[lowest], np.repeat(ordered, 2), [max(highest, float(ordered[-1]))]])
    return x.tolist(), np.repeat(share, 2).tolist()


def band(values: Values, lowest: float, role: Role) -> Band:
    """Return the band that holds the whole distribution function in 95 % of samples: ``√(ln(2/0.05) / 2n)`` wide.

    Massart 1990, The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality.
    """
    x, share = stairs(values, lowest)
    half = math.sqrt(math.log(2 / 0.05) / (2 * len(values)))
    low, high = [max(0.0, y - half) for y in share], [min(1.0, y + half) for y in share]
    return Band(x, low, high, role, 0.11)


def whisker(estimate: Estimate, height: float, role: Role, lowest: float) -> list[Mark]:
    """Draw a mean with its interval below the curves."""
    if estimate.value is None or estimate.value < lowest:
        return []
    says = f"mean {role} {short(estimate.value)}"
    marks: list[Mark] = []
    if estimate.low is not None and estimate.high is not None:
        marks.append(Line((max(lowest, estimate.low), min(1.0, estimate.high)), (height, height), role, 1.6, says=says))
    return [*marks, Points((estimate.value,), (height,), role, radius=3.6, says=(says,))]
