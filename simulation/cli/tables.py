"""The closing table: what a run found, for a terminal of 80 columns or more."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from metafed.core.digits import digits
from metafed.fairness.good import grown, poor
from metafed.fairness.harmed import RULE
from metafed.fairness.intervals import BRACKETS, enclosed
from metafed.fairness.references import sentences
from metafed.fairness.summary import counted
from metafed.scores import named_scores

MISSING = "–"

LEFT_OUT_SINCE = {
    "diverged": "scores or losses not finite",
    "undefined": "no score: too few query rows, --eval-rows, or equal targets",
    "incomplete": "steps missing",
}
"""Why clients are in no mean; in the order of ``metafed.fairness.panel.LEFT_OUT``."""
NAMED = 8
"""Clients of a state that the table names."""
FEW = 5
"""Clients below which the table says that their intervals are wide."""


def closing_table(summary: Mapping[str, Any]) -> Table:
    """Return the table of a ``summary.json``: each family and all of them, seen and unseen clients apart."""
    table = Table(
        box=box.SIMPLE_HEAD,
        title=None if summary["round"] is None else f"after round {summary['round']}",
        title_style="dim",
        title_justify="left",
        caption=Text("\n".join(footnotes(summary))),  # no markup: brackets are brackets
        caption_justify="left",
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("clients", no_wrap=True)
    table.add_column("score\nbefore → after", justify="right", no_wrap=True)
    table.add_column("gain\n[95 %] or (bounds)", justify="right", no_wrap=True)
    table.add_column("worst\n10 %", justify="right", no_wrap=True)
    table.add_column("best\npossible", justify="right", no_wrap=True)
    families = dict(summary["by_family"])
    if len(families) > 1:  # one family alone is all clients
        families["all"] = {"seen": summary["seen"], "unseen": summary["unseen"]}
    for name, parts in families.items():
        table.add_row(Text(name, style="bold"))
        shown = [part for part in ("seen", "unseen") if parts[part] is not None]
        for part in shown:
            table.add_row(*cells(part, parts[part]), end_section=part == shown[-1])
    return table


def cells(part: str, block: Mapping[str, Any]) -> tuple[Text, ...]:
    """Return one row: a block of the summary."""
    gain = block["gain"]
    text = MISSING if gain["value"] is None else f"{number(gain['value'], '+')}"
    if gain["low"] is not None:
        text += " " + enclosed(gain["method"], number(gain["low"], "+"), number(gain["high"], "+"))
    # colour repeats what the signs of the interval say
    sign = "" if gain["low"] is None else "green" if gain["low"] > 0 else "red" if gain["high"] < 0 else ""
    return (
        Text(f"  {part:<6} {counted(block):>6}"),
        Text(f"{number(block['before']['value'])} → {number(block['after']['value'])}"),
        Text(text, style=sign),
        Text(number(block["fairness"]["worst10"]["value"])),
        Text(number(block["oracle_score"])),
    )


def footnotes(summary: Mapping[str, Any]) -> list[str]:
    """Say what the intervals are over, and who is missing from the table."""
    steps, unit = summary["inner_steps"], summary.get("unit", "inner step")
    if summary["round"] is None:
        return ["No round was evaluated."]
    notes = [
        *(f"\n{sentence}" for sentence in (*poor(summary), *grown(summary))),
        f"\nScore: before and after {steps} {unit}{'s' * (steps != 1)}, at most 1, higher is better.",
        *named_scores(summary.get("headline", {})),
        f"Gain: mean over clients, n = {counted(summary)} in all. {BRACKETS}",
        "Worst 10 %: mean after adaptation of the lowest ⌈n / 10⌉ clients.",
    ]
    harmed = summary["fairness"]["harmed"]
    if harmed["value"] is not None:
        share = f"Harmed by adaptation: {harmed['value']:.1%} of clients"
        notes.append(f"{share} (Wilson interval [{harmed['low']:.1%}, {harmed['high']:.1%}]).\n{RULE}")
    small = [
        f"{name} {part} ({block['clients']})"
        for name, parts in summary["by_family"].items()
        for part, block in parts.items()
        if part != "all" and block is not None and block["clients"] < FEW
    ]
    if small:
        notes.append(f"Few clients, wide bounds: {', '.join(small)}; more --clients narrow them.")
    for state, what in LEFT_OUT_SINCE.items():
        if summary.get(state):
            count = f"{summary[state]} of {summary['clients']} clients {state}"
            notes.append(f"{count} ({what}): not in the table.\n  {named(summary, state)}")
    if summary.get("exploded"):
        notes.append(
            f"In the inner loop the loss of {summary['exploded']} of {summary['clients']} clients grew a hundredfold"
            f" or more; a smaller\n  --inner-lr may help. {named(summary, 'exploded')}"
        )
    return [*(f"\n{sentence}" for sentence in sentences(summary)), *notes]


def named(summary: Mapping[str, Any], state: str) -> str:
    """Name the clients of a state: the first few."""
    ids = summary["named"][state]
    return f"Clients {', '.join(map(str, ids[:NAMED]))}" + (
        f" and {len(ids) - NAMED} more." if len(ids) > NAMED else "."
    )


def number(value: float | None, sign: str = "") -> str:
    """Format a score to three decimals, or to three digits where it is large."""
    return MISSING if value is None else digits(value, sign=sign)
