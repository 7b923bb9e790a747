"""Comparisons for a terminal: methods with their measures, then the differences that are known."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metafed.fairness.intervals import enclosed
from simulation.analysis.measures import MEASURES, USUAL
from simulation.cli.tables import MISSING, number

WHAT_VERDICTS_MEAN = (
    "holds: found by the exact test after correction. suggested: its own interval excludes 0. open: neither."
)
NUMBER = len("[-0.123,")
"""Signs that a column of numbers has at least: where room is short an interval takes two lines, a name several."""
SHARES = tuple(name for name, measure in MEASURES.items() if measure.share)
"""Measures that are shares of the clients."""
HEADINGS = {
    "after": "score\nafter",
    "worst10": "worst\n10 %",
    "cvar10": "CVaR\n10 %",
    "best10": "best\n10 %",
    "std": "std.\ndev.",
    "cov": "CoV",
    "entropy": "entropy",
    "gain": "gain",
    "harmed": "harmed",
    "worse_off": "worse off\nthan alone",
    "over_alone": "over\nalone",
    "loss_gap": "loss\ngap",
}
"""Short words for columns of numbers."""


def show_study(folder: Path, console: Console) -> None:
    """Print the closing tables of a study."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    part = "unseen" if summary["unseen"] is not None else "seen"
    block = summary[part]
    console.print(values_table(block, f"{part} clients, {len(summary['seeds'])} seeds"))
    if block["all"]["differences"]:
        console.print(differences_table(block["all"]))
    for note in [*summary["notes"], *summary["remarks"]]:
        console.print(Text(note, style="dim"), soft_wrap=True)
    console.print(f"summary  {folder / 'summary.json'}", soft_wrap=True, highlight=False)
    console.print(f"all      {folder}", soft_wrap=True, highlight=False)


def values_table(block: Mapping[str, Any], title: str, measures: Sequence[str] = USUAL) -> Table:
    """Return a table of measures by family and method.

    Args:
        block: ``all``, a comparison, and ``by_family``, comparisons by name.
        title: What the clients are.
        measures: Which columns; those that no method has are left out.
    """
    every = {**block["by_family"], "all": block["all"]}
    shown = [name for name in measures if any(name in cells for cells in block["all"]["methods"].values())]
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="dim", show_edge=False, pad_edge=False
    )
    table.add_column("", overflow="fold")
    for name in shown:
        table.add_column(HEADINGS.get(name, MEASURES[name].words), justify="right", min_width=NUMBER)
    for family, found in every.items():
        if len(every) > 1:
            table.add_row(Text(family, style="bold"))
        for method, cells in found["methods"].items():
            table.add_row(Text(f"  {method}"), *(estimate(name, cells[name], between="\n") for name in shown))
        if found.get("why"):
            table.add_row(Text(f"  {found['why']}", style="dim"))
    return table


def differences_table(found: Mapping[str, Any]) -> Table:
    """Return a table of the differences of one comparison, with p-values and verdicts."""
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=WHAT_VERDICTS_MEAN if any(entry["p"] is not None for entry in found["differences"]) else None,
        caption_justify="left",
        show_edge=False,
        pad_edge=False,
    )
    for name, justify in (("difference", "left"), ("", "left"), ("[95 % interval]", "right")):
        # where room is short, names are folded and numbers stay whole
        whole = name.startswith("[")
        table.add_column(Text(name), justify=justify, no_wrap=whole, overflow="fold")  # type: ignore[arg-type]
    for name in ("p", "p, Holm", ""):
        table.add_column(name, justify="right", no_wrap=True)
    last = None
    for entry in found["differences"]:
        pair = f"{entry['one']} − {entry['minus']}"
        what, verdict = MEASURES[entry["measure"]], entry["verdict"]
        table.add_row(
            Text(pair if pair != last else ""),
            Text(what.words),
            estimate(what.name, entry, "+", coloured=what.better),
            Text(chance(entry["p"])),
            Text(chance(entry["p_holm"])),
            Text(verdict if verdict != "points" else MISSING, style="bold" if verdict == "holds" else ""),
        )
        last = pair
    return table


def estimate(name: str, value: Mapping[str, Any], sign: str = "", coloured: int = 0, between: str = " ") -> Text:
    """Format an estimate, ``between``, and its interval; what gets better is green, what gets worse red."""
    if value["value"] is None:
        return Text(MISSING)
    say = percent if name in SHARES else number
    text = say(value["value"], sign)
    style = ""
    if value["low"] is not None:
        text += between + enclosed(value["method"], say(value["low"], sign), say(value["high"], sign))
        way = 1 if value["low"] > 0 else -1 if value["high"] < 0 else 0
        style = {1: "green", -1: "red"}.get(way * coloured, "")
    return Text(text, style=style)


def percent(value: float, sign: str = "") -> str:
    """Format a share."""
    return f"{100 * value:{sign}.1f}%"


def chance(p: float | None) -> str:
    """Format a p-value."""
    return MISSING if p is None else f"{p:.3f}" if p >= 0.001 else "<0.001"
