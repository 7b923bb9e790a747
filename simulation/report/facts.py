"""The numbers that stand at the head of a report, and the tables that a summary has more of than others."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from metafed.fairness.good import of_run
from metafed.fairness.intervals import BOUNDS
from simulation.cli.tables import number
from simulation.records.names import component
from simulation.records.runs import Run
from simulation.report.words import short, signs


def facts(run: Run) -> dict[str, Any]:
    """Return the template's variables that are made from the summary and the manifest alone."""
    summary = run.summary if run.summary is not None and run.summary["round"] is not None else None
    return {
        "objective": objective(run.manifest),
        "started": moment(run.manifest.get("start")),
        "tiles": tiles(summary) if summary is not None else [],
        "steps": steps(summary) if summary is not None else None,
        "more": participation(summary) if summary is not None else [],
    }


def objective(manifest: Mapping[str, Any]) -> str:
    """Return the objective's name and settings; empty for the plain mean."""
    experiment = manifest.get("experiment")
    settings = experiment.get("objective") if isinstance(experiment, Mapping) else None
    if not isinstance(settings, Mapping) or settings.get("name") in (None, "mean"):
        return ""
    return component(settings)


def moment(text: Any) -> str:
    """Return a start as a reader writes it, to the minute."""
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M UTC%z").replace("+0000", "")
    except ValueError:
        return "no start time"


def tiles(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the numbers that say who is served and who is not, with intervals in words; what is bad comes first."""
    part = "unseen" if summary["unseen"] is not None else "seen"
    block = summary[part]
    if block["after"]["value"] is None:
        return []
    counted = block["after"]["n"]
    before, after, gain, worst, hurt = (
        block["before"], block["after"], block["gain"], block["fairness"]["worst10"], block["fairness"]["harmed"],
    )  # fmt: skip
    bad = [{"name": one.name, "value": one.value, "range": signs(one.words)} for one in of_run(summary)]
    best = "" if block["oracle_score"] is None else f", at best {short(block['oracle_score'])}"
    return [
        *bad,
        {
            "name": f"Score of {part} clients",
            "value": f"{short(before['value'])} → {short(after['value'])}",
            "range": f"{counted} clients{best}",
        },
        {"name": "Gain by adaptation", "value": short(gain["value"], "+"), "range": within(gain, "+")},
        {"name": "Worst tenth, after", "value": short(worst["value"]), "range": within(worst)},
        {
            "name": "Harmed by adaptation",
            "value": f"{round(hurt['value'] * hurt['n'])} of {hurt['n']}",
            "range": f"95 % interval {100 * hurt['low']:.1f} to {100 * hurt['high']:.1f} %",
        },
    ]


def within(estimate: Mapping[str, Any], sign: str = "") -> str:
    """Say an interval, or why there is none."""
    if estimate["low"] is None:
        return "no interval: " + str(estimate["method"]).partition(": ")[2]
    name = "bounds" if estimate["method"] == BOUNDS else "95 % interval"
    return f"{name} {short(estimate['low'], sign)} to {short(estimate['high'], sign)}"


BY = {"finished": "how often they finished", "device": "device", "group": "group"}
TOOK_PART = (
    "clients seen in training", "n", "finished", "shortened", "late", "lost", "offline", "excluded", "score", "gain",
)  # fmt: skip


def participation(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return tables of who took part in training and how they are served; none for a run without devices."""
    block = summary.get("participation")
    if not isinstance(block, Mapping):
        return []
    found = []
    for by, words in BY.items():
        rows = [
            (
                f"{group['name'] or '(none)'}{' (few clients)' if group['small'] else ''}", group["clients"],
                percent(group["share_finished"]), group["shortened"], group["late"], group["dropped_out"],
                group["offline"], group["excluded"], group["after"], group["gain"],
            )
            for group in block.get("by", {}).get(by, ())
        ]  # fmt: skip
        if len(rows) > 1:
            found.append({"title": f"Who takes part, by {words}", "columns": TOOK_PART, "rows": rows, "note": ""})
    if found:
        found[-1]["note"] = (
            "Finished: share of the rounds in which they were asked; then how often the virtual clock shortened their"
            " work, found them late, lost them on the way, found them offline, or excluded them since their device is"
            " too small. Score and gain: in evaluation, which all take part in, with 95 % intervals over clients."
        )
    return found


def percent(share: float | None) -> str:
    """Format a share."""
    return "–" if share is None else f"{100 * share:.0f} %"


def steps(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a table of how soon and how far adaptation takes clients; None for a record that does not say."""
    rows = []
    for family, parts in summary["by_family"].items():
        block = (parts.get("all") or {}).get("adaptation")
        if not block or block["steps_to_target"]["value"] is None:
            continue
        reach, share, slope = block["steps_to_target"], block["headroom_gain"], block["data_poverty"]
        wanted = number(reach["targets"].get(family)).replace("-", "−")
        rows.append((family, wanted, reach, f"{reach['never']} of {reach['n']}", share, slope))
    if not rows:
        return None
    return {
        "columns": ("family", "target", "steps to it", "never", "gain of what there was to gain", "ρ of rows and gain"),
        "rows": rows,
        "note": (
            "Target: the family’s own mean after adaptation, so that it tells who needs more steps than others and"
            " does not compare runs; never within the steps counts as one step more than there were. Gain of what"
            " there was to gain: gain over the distance from the start to the best possible score, where that is"
            " known. ρ: Spearman’s rank correlation; above zero those with more data gain more."
        ),
    }
