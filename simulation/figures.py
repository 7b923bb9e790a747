"""The figures of a report: clients before averages, intervals always, words at the lines instead of legends.

Colours follow Okabe and Ito, so that colour-blind readers tell them apart: orange before adaptation,
blue after it, grey for what is only context; harm is red and has a mark of its own.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from metafed.fairness import Values
from metafed.harm import gain, harmed
from metafed.intervals import Estimate, mean_interval, rank_correlation
from metafed.tasks import Kind
from server.panel import Panel
from server.summary import tolerances
from simulation.svg import AFTER, BEFORE, CONTEXT, HARM, MUTED, style

LOWEST_SHOWN = -1.0
"""Scores below this are counted at a figure's edge and do not stretch it; skill has no lower bound."""

Paint = Callable[[Axes, str], None]


def panels(
    names: Sequence[str], paint: Paint, ylabel: str, xlabel: str, height: float = 2.7, sharey: bool = False
) -> Figure:
    """Draw one panel a family, at most three in a row; on a common vertical axis if ``sharey``.

    Limits are set by ``paint`` or left to matplotlib, which then sees all panels, and cut at ``LOWEST_SHOWN``.
    """
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    with style():
        figure = Figure(figsize=(max(4.2, 3.25 * columns), height * rows + 0.25), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
        for index, axes in enumerate(grid.flat):
            if index >= len(names):
                axes.set_visible(False)
                continue
            paint(axes, names[index])
            if index % columns == 0:
                axes.set_ylabel(ylabel)
            if index + columns >= len(names):
                axes.set_xlabel(xlabel)
        for axes in grid.flat[: len(names)]:
            low, high = axes.get_ylim()
            axes.set_ylim(max(low, LOWEST_SHOWN), high)
        return figure


def headed(axes: Axes, name: str, words: Sequence[tuple[str, str]]) -> None:
    """Put a panel's name above it, and under that ``(text, colour)`` words in place of a legend."""
    bold, _, rest = name.partition(" (")
    axes.set_title(f"{bold}\n", loc="left", fontweight="bold", fontsize=9.5, pad=5)
    if rest:
        axes.set_title(f"({rest}\n", loc="right", fontsize=8.5, color=MUTED, pad=5)
    left = 0.0
    for text, colour in words:
        note = axes.annotate(
            text,
            (0, 1),
            (left, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            fontsize=8.5,
        )
        note.set_in_layout(False)
        left += 4.7 * len(text) + 9


def distribution(people: Panel, kinds: Mapping[str, Kind]) -> Figure:
    """Draw the share of clients at or below each score, before and after adaptation, a panel a family."""

    def paint(axes: Axes, name: str) -> None:
        own = people.where(people.family == name)
        lowest = max(LOWEST_SHOWN, float(own.scores[:, [0, -1]].min(initial=0.0)))
        axes.axhline(0.1, color=MUTED, linewidth=0.6, linestyle=(0, (2, 3)))
        words = [(f"{len(own)} clients", MUTED)]
        for what, step, colour, height in (("before", 0, BEFORE, -0.07), ("after", -1, AFTER, -0.14)):
            scores = own.scores[:, step]
            steps_up(axes, scores, lowest, colour)
            estimate = mean_interval(scores)
            whisker(axes, estimate, height, colour, lowest)
            words.append((f"{what} {short(estimate.value)}", colour))
            hidden = int((scores < lowest).sum())
            if hidden:
                said, at = f"← {hidden} below {lowest:g}", (lowest, hidden / len(own))
                axes.annotate(said, at, (3, 3), textcoords="offset points", color=colour, fontsize=7)
        axes.set(xlim=(lowest, 1.01), ylim=(-0.2, 1.02))
        axes.set_yticks([0, 0.1, 0.5, 1], ["0", "10 %", "50 %", "100 %"])
        headed(axes, f"{name}{measure(kinds, name)}", words)

    return panels(families(people), paint, "clients at or below", "score of one client", sharey=True)


def steps_up(axes: Axes, scores: Values, lowest: float, colour: str) -> None:
    """Draw an empirical distribution function; what lies below ``lowest`` is drawn at the edge."""
    ordered = np.sort(scores)
    x = np.concatenate([ordered[:1], ordered])
    y = np.arange(len(ordered) + 1) / max(1, len(ordered))
    axes.step(np.maximum(x, lowest), y, where="post", color=colour, linewidth=1.8)


def whisker(axes: Axes, estimate: Estimate, height: float, colour: str, lowest: float) -> None:
    """Draw a mean with its interval below a distribution."""
    if estimate.value is None or estimate.value < lowest:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([max(lowest, estimate.low), min(1.01, estimate.high)], [height] * 2, color=colour, linewidth=1.2)
    axes.plot(estimate.value, height, "o", color=colour, markersize=4)


def adaptation(summary: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Figure:
    """Draw the mean score after each inner step, with its interval, a panel a family."""

    def paint(axes: Axes, name: str) -> None:
        words = []
        for part, colour in (("seen", CONTEXT), ("unseen", AFTER)):
            block = summary["by_family"][name][part]
            if block is None or block["after"]["value"] is None:
                continue
            curve = block["curve"]
            steps = [point["step"] for point in curve]
            axes.plot(steps, [point["value"] for point in curve], "o-", color=colour, markersize=3, linewidth=1.6)
            known = [point for point in curve if point["low"] is not None]
            axes.fill_between(
                [p["step"] for p in known], [p["low"] for p in known], [p["high"] for p in known],
                color=colour, alpha=0.18, linewidth=0,
            )  # fmt: skip
            if block["ceiling"] is not None:
                axes.axhline(block["ceiling"], color=colour, linewidth=0.9, linestyle=(0, (4, 3)))
            words.append((f"{part} {short(block['after']['value'])}", colour))
            best = block["ceiling"]
            if best is not None and part == "unseen":
                words.append((f"┄ best possible {short(best)}", colour))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        headed(axes, f"{name}{measure(kinds, name)}", words)

    return panels(list(summary["by_family"]), paint, "mean score", "inner step")


def gain_by_size(people: Panel, kinds: Mapping[str, Kind]) -> Figure:
    """Draw each client's gain against the rows that it owns; harmed clients are crosses."""
    wide = len(people) and people.n.max() > 8 * max(1, people.n.min())

    def paint(axes: Axes, name: str) -> None:
        own = people.where(people.family == name)
        gains = gain(own.scores[:, 0], own.scores[:, -1])
        hurt = harmed(gains, tolerances(own, kinds))
        axes.axhline(0, color=MUTED, linewidth=0.8)
        shown = np.maximum(gains, LOWEST_SHOWN)  # so that a fall beyond the edge is a mark on it
        for chosen, marker, colour in ((~hurt & own.seen, "o", CONTEXT), (~hurt & ~own.seen, "o", AFTER)):
            axes.plot(own.n[chosen], shown[chosen], marker, color=colour, markersize=3.6, alpha=0.75, mew=0)
        axes.plot(own.n[hurt], shown[hurt], "x", color=HARM, markersize=5, mew=1.4)
        if wide:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        slope = rank_correlation(own.n.astype(np.float64), gains)
        headed(axes, name, [(f"{int(hurt.sum())} harmed", HARM), (f"ρ = {between(slope)}", MUTED)])

    return panels(families(people), paint, "gain", "rows that the client owns")


def learning(
    rounds: Sequence[Mapping[str, Any]], judged: Mapping[int, Panel], who: str, kinds: Mapping[str, Kind]
) -> Figure:
    """Draw, by round, the cohort's score on its training draws, and evaluated clients' scores with intervals.

    Args:
        rounds: Lines of ``rounds.jsonl``.
        judged: The clients judged in each evaluated round.
        who: What to call them: seen or unseen.
        kinds: Each family's kind.
    """
    trained = [line for line in rounds if line["families"]]
    names = sorted({name for line in trained for name in line["families"]} | {
        name for people in judged.values() for name in families(people)
    })  # fmt: skip

    def paint(axes: Axes, name: str) -> None:
        points = [(line["round"], line["families"].get(name, {}).get("score")) for line in trained]
        smooth(axes, points)
        words = [("cohort", CONTEXT)]
        for what, step, colour in ((f"{who} before", 0, BEFORE), (f"{who} after", -1, AFTER)):
            judgements = [
                (number, mean_interval(people.where(people.family == name).scores[:, step]))
                for number, people in sorted(judged.items())
            ]
            known = [(number, e.value, e.low, e.high) for number, e in judgements if e.value is not None]
            if not known:
                continue
            axes.plot([k[0] for k in known], [k[1] for k in known], "o-", color=colour, markersize=4, linewidth=1)
            for number, _, low, high in known:
                if low is not None and high is not None:
                    axes.plot([number, number], [low, high], color=colour, linewidth=1.2)
            words.append((what, colour))
        headed(axes, f"{name}{measure(kinds, name)}", words)

    return panels(names, paint, "mean score", "round")


def losses(rounds: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the cohort's query loss by round, a panel a family: families' losses do not compare."""
    trained = [line for line in rounds if line["families"]]

    def paint(axes: Axes, name: str) -> None:
        points = [(line["round"], line["families"].get(name, {}).get("loss")) for line in trained]
        smooth(axes, points)
        known = [value for _, value in points if value is not None]
        if known and min(known) > 0 and max(known) > 10 * min(known):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("")
        headed(axes, name, [("cohort, after adaptation", CONTEXT)])

    names = sorted({name for line in trained for name in line["families"]})
    return panels(names, paint, "query loss", "round", height=2.3)


def smooth(axes: Axes, points: Sequence[tuple[int, float | None]]) -> None:
    """Draw a noisy series thinly, and its running mean over a twentieth of the rounds boldly."""
    known = [(x, y) for x, y in points if y is not None and math.isfinite(y)]
    if not known:
        return
    x, y = np.array([x for x, _ in known]), np.array([y for _, y in known])
    axes.plot(x, y, color=CONTEXT, linewidth=0.7, alpha=0.5)
    half = max(1, len(y) // 40)
    mean = [y[max(0, i - half) : i + half + 1].mean() for i in range(len(y))]
    axes.plot(x, mean, color=CONTEXT, linewidth=1.6)


def families(people: Panel) -> list[str]:
    """Return the names of the families that have clients, in order."""
    return [str(name) for name in np.unique(people.family.astype(str))]


def measure(kinds: Mapping[str, Kind], name: str) -> str:
    """Say what a family's score is."""
    words = {"classification": " (accuracy)", "regression": " (skill)", "control": " (return)"}
    return words[kinds[name]] if name in kinds else ""


def short(value: float | None) -> str:
    """Format a score for a figure."""
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def between(estimate: Estimate) -> str:
    """Format an estimate with its interval for a figure."""
    if estimate.low is None or estimate.high is None:
        return short(estimate.value)
    return f"{short(estimate.value)} [{short(estimate.low)}, {short(estimate.high)}]"
