"""What a report says of a run: sentences and lists made from its record; the template only sets them."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from metafed.fairness.alarms import sentence
from metafed.fairness.good import grown, noisy_labels, poor
from metafed.fairness.intervals import enclosed
from metafed.fairness.panel import WHOLE, Panel, last_evaluation, panel
from metafed.fairness.references import sentences as of_references
from simulation.cli.tables import number
from simulation.records.runs import Run
from simulation.report.words import signs

FAILURES_SHOWN = 20


def findings(run: Run) -> dict[str, Any]:
    """Return the template's variables, the figures excepted."""
    evaluated = run.summary is not None and run.summary["round"] is not None
    return {
        "name": run.folder.resolve().name,
        "run": run,
        "summary": run.summary if evaluated else None,
        "verdict": [
            *noisy_labels(run.manifest.get("experiment") or {}),
            *(verdict(run.summary) if run.summary is not None else []),
        ]
        if evaluated
        else [],
        "command": command(run.manifest.get("argv", [])),
        "failures": failures(run.rounds),
        "failures_shown": FAILURES_SHOWN,
        "left_out": left_out(run),
        "exploded": run.summary["named"]["exploded"] if run.summary and "named" in run.summary else [],
        "finished": max((line["round"] for line in run.rounds), default=0),
        "bytes": {way: sum(line[way] for line in run.rounds) for way in ("bytes_up", "bytes_down")},
    }


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """Say in a few sentences whom personalization serves, and whom it does not."""
    part = "unseen" if summary["unseen"] is not None else "seen"
    block, steps = summary[part], summary["inner_steps"]
    if block["after"]["value"] is None:
        return [f"No {part} client has a finite score."]
    before, after, gain = (text(block[what], "+" * (what == "gain")) for what in ("before", "after", "gain"))
    reached = text(block["fairness"]["worst10"])
    best = f"; the best possible mean is {number(block['oracle_score'])}" if block["oracle_score"] is not None else ""
    hurt = block["fairness"]["harmed"]
    fewest, most = (f"{100 * hurt[end]:.1f}" for end in ("low", "high"))
    count = round(hurt["value"] * hurt["n"])
    sentences = [
        *of_references(summary),
        (
            f"{part.capitalize()} clients score {before} before adaptation and {after} after {steps} inner"
            f" step{'s' * (steps != 1)}: a gain of {gain}. The worst tenth of them reach {reached}{best}."
        ),
        f"Adaptation harms {count} of {hurt['n']} {part} clients (95 % interval: {fewest} to {most} %).",
    ]
    # names of groups keep their hyphens
    numbers = [signs(sentence) for sentence in (*poor(summary), *grown(summary), *sentences)]
    return [*numbers, *alarm_sentences(summary)]


def alarm_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Name the groups and devices that are worse off than chance explains; a run that did not end has no such list."""
    found = summary.get("alarms")
    if found is None:
        return []
    return [sentence(alarm) for alarm in found] or [
        "No group and no kind of device is worse off than chance explains (an alarm at 1 %, all comparisons together)."
    ]


def text(estimate: Mapping[str, Any], sign: str = "") -> str:
    """Format an estimate with its interval."""
    value, low, high = (number(estimate[end], sign) for end in ("value", "low", "high"))
    return value if estimate["low"] is None else f"{value} {enclosed(estimate['method'], low, high)}"


def command(argv: Sequence[str]) -> str:
    """Return the command line that a person would type for ``sys.argv``; empty for a notebook, which has none."""
    program = PurePath(argv[0]) if argv else PurePath()
    if not program.name or program.name == "ipykernel_launcher.py":
        return ""
    words = [program.name]
    if program.suffix == ".py":
        of_ours = program.parent.name == "simulation" or program.name == "run.py"
        module = "simulation" if program.name == "__main__.py" else f"simulation.{program.stem}"
        words = ["python", "-m", module] if of_ours else ["python", argv[0]]
    return shlex.join([*words, *argv[1:]])


def failures(rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Gather failed clients by reason, the most frequent first."""
    gathered: dict[str, dict[str, Any]] = {}
    for line in rounds:
        for failed in line["failed"]:
            reason = str(failed["reason"])
            entry = gathered.setdefault(
                reason, {"reason": reason, "times": 0, "clients": set(), "first": line["round"], "last": 0}
            )
            entry["times"] += 1
            entry["clients"].add(failed["client"])
            entry["last"] = line["round"]
    return sorted(gathered.values(), key=lambda entry: -int(entry["times"]))


def left_out(run: Run) -> list[dict[str, Any]]:
    """Name the clients of the last evaluation that no mean contains, and say why."""
    if run.clients is None:
        return []
    _, people = last_evaluation(run.clients)
    lost = people.where(people.state != WHOLE)
    return [
        {"client": int(c), "family": str(f), "group": str(g), "why": str(state)}
        for c, f, g, state in zip(lost.client, lost.family, lost.group, lost.state, strict=True)
    ]


def evaluated(run: Run, part: str = "unseen") -> tuple[str, dict[int, Panel]]:
    """Return the usable clients of each evaluated round: the unseen, or the seen where nobody is held out.

    Args:
        run: The run.
        part: ``unseen``, or ``all`` for everyone.
    """
    if run.clients is None:
        return part, {}
    rows = run.clients.filter(run.clients["phase"] == "evaluate")
    panels = {
        int(number): panel(rows.filter(rows["round"] == number)).usable
        for number in sorted(rows["round"].unique().to_list())
    }
    if part == "all":
        return part, panels
    held_out = any((~people.seen).any() for people in panels.values())
    who = "unseen" if held_out else "seen"
    return who, {number: people.where(people.seen != held_out) for number, people in panels.items()}
