"""What each method gives and takes, against the first: differences of the mean and of the worst tenth, in pairs."""

from collections.abc import Sequence
from typing import Any

from metafed.fairness.intervals import enclosed
from simulation.report.drawing.plot import Axis, Figure, Line, Mark, Points, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import linear
from simulation.report.figures.adaptation import cut
from simulation.report.figures.base import SeveralRuns
from simulation.report.figures.beside import Beside
from simulation.report.words import listed, short

SIDES: tuple[tuple[str, str, Role, float], ...] = (
    ("after", "mean", "after", 0.36),
    ("worst10", "worst tenth", "before", 0.64),
)
"""Measure, words, colour, and where in its row."""
ROW = 40.0


def differences(runs: SeveralRuns) -> Figure | None:
    """Draw a panel a family and a row a method; None where nothing is compared with the first."""
    first, *names = (method.name for method in runs.methods)
    tables = runs.tables
    drawn = [panel(table, names) for table in tables if any(entry["value"] is not None for entry in table.differences)]
    if not drawn:
        return None
    return Figure(
        key="differences",
        title=f"What each gives and takes, against {first}",
        finding=finding(tables[0], first),
        caption=(
            f"Difference from {first}, on the same clients: blue, of the mean score after adaptation; orange, of the"
            f" mean of the worst tenth. Right of the line is better than {first}. {runs.intervals}"
        ),
        panels=drawn,
        columns=("family", "run", "of", "difference", "low", "high", "p after Holm", "verdict"),
        rows=[
            (table.family or "all", entry["one"], entry["measure"], entry["value"], entry["low"], entry["high"],
             entry.get("p_holm"), entry["verdict"])
            for table in tables for entry in table.differences
        ],
    )  # fmt: skip


def finding(table: Beside, first: str) -> str:
    """Name the methods whose interval of the worst tenth excludes 0, and say if the test over seeds agrees."""
    raised: list[str] = []
    lowered: list[str] = []
    holds: list[str] = []
    for entry in table.differences:
        if entry["measure"] == "worst10" and entry["low"] is not None and entry["low"] * entry["high"] > 0:
            (raised if entry["low"] > 0 else lowered).append(entry["one"])
            holds += [entry["one"]] if entry["verdict"] == "holds" else []
    sentences = []
    for names, verb in ((raised, "raises"), (lowered, "lowers")):
        if names:
            sentences.append(
                f"{listed(names)} {verb if len(names) == 1 else verb[:-1]} the worst tenth, with an interval that"
                " excludes 0."
            )
    if not sentences:
        return f"No run’s worst tenth differs from that of {first} by more than its interval allows for."
    if table.seeds == 1:
        sentences.append("One seed cannot tell a method from its luck.")
    elif not holds:
        sentences.append("That is suggested, and does not hold: see the verdicts.")
    return " ".join(sentences)


def panel(table: Beside, names: Sequence[str]) -> Drawn:
    """Draw one family."""
    ends = [end for entry in table.differences for end in ends_of(entry)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    room = 0.08 * (high - low) or 0.1
    marks: list[Mark] = [Line((0, 0), (0, len(names)), "muted", 1)]
    for entry in table.differences:
        for measure, words, role, at in SIDES:
            if entry["measure"] == measure and entry["value"] is not None:
                y = len(names) - names.index(entry["one"]) - at
                says = f"{entry['one']}, {words}: {short(entry['value'], '+')}"
                if entry["low"] is not None:
                    says += " " + enclosed(entry["method"], short(entry["low"], "+"), short(entry["high"], "+"))
                    marks.append(Line((entry["low"], entry["high"]), (y, y), role, 1.8, says=says))
                marks.append(
                    Points((entry["value"],), (y,), role, "dot" if measure == "after" else "ring", 3.6, says=(says,))
                )
    ticks = [(len(names) - index - 0.5, cut(name, 17)) for index, name in enumerate(names)]
    worst = [entry for entry in table.differences if entry["measure"] == "worst10" and entry["value"] is not None]
    says = "; ".join(f"{entry['one']} changes the worst tenth by {short(entry['value'], '+')}" for entry in worst)
    return Drawn(
        table.family or "all families", "", [("mean", "after"), ("worst tenth", "before")],
        linear(low - room, high + room, "difference", count=3), Axis(0, len(names), ticks), marks, says,
        ROW * len(names),
    )  # fmt: skip


def ends_of(entry: dict[str, Any]) -> list[float]:
    """Return the ends of an entry that is drawn."""
    if entry["measure"] not in ("after", "worst10"):
        return []
    return [entry[end] for end in ("value", "low", "high") if entry[end] is not None]
