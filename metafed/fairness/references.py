"""Is a method better than its simple references? Paired over the same clients, their support and their query rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.core.digits import digits, sound
from metafed.fairness.groups import SMALL
from metafed.fairness.intervals import enclosed, mean_interval
from metafed.fairness.metrics import Values
from metafed.fairness.panel import Column, Panel
from metafed.fairness.summary import lowest_score

if TYPE_CHECKING:
    import polars as pl

Block = dict[str, Any]
LEAD = {"better": "Better than the method", "open": "Not beaten beyond chance"}
"""How a sentence on a reference begins that is not beaten."""


def against(
    people: Panel, rows: "pl.DataFrame", undefined: Mapping[str, Mapping[str, str]], kinds: Mapping[str, str]
) -> Block:
    """Compare clients' scores after adaptation with those of references.

    Args:
        people: The clients of the run's last evaluation.
        rows: A row a ``client`` and ``reference``, with its ``score``.
        undefined: Why a reference is not there, by reference and family.
        kinds: The kind of each family, which bounds its scores.

    Returns:
        ``unseen`` and ``seen``: null where there are no such clients, else by reference ``all``, ``by_family`` and
        ``by_group`` (``FAMILY/GROUP``, from the size on that groups are not small); and ``undefined``. Each entry has
        ``clients``, the means ``method`` and ``reference``, the ``difference`` (method less reference, with the
        interval of a mean over clients), ``better``, the share of clients that the reference serves better, and
        ``verdict``: ``beaten`` (the interval, or its bounds, are above 0), ``better`` (below 0), ``open``.
    """
    usable = people.usable
    parts: Block = {}
    for part, mask in (("unseen", ~usable.seen), ("seen", usable.seen)):
        own = usable.where(mask)
        parts[part] = {name: of_one(own, rows, name, kinds) for name in names(rows)} if len(own) else None
    return {**parts, "undefined": {name: dict(why) for name, why in undefined.items()}}


def names(rows: "pl.DataFrame") -> list[str]:
    """Return the references that there are."""
    return [str(name) for name in rows["reference"].unique(maintain_order=True)]


def of_one(people: Panel, rows: "pl.DataFrame", name: str, kinds: Mapping[str, str]) -> Block:
    """Compare with one reference."""
    found = scores(people, rows, name)
    people = people.where(sound(found))
    mine, theirs = pairs(people, rows, name)
    family = people.family.astype(str)
    group = np.array([f"{f}/{g}" for f, g in zip(family, people.group, strict=True)], object)

    def entry_of(own: Column) -> Block:
        return entry(mine[own], theirs[own], lowest_score(people.where(own), kinds))

    def apart(labels: Column, least: int) -> dict[str, Block]:
        return {
            str(label): entry_of(labels == label) for label in np.unique(labels) if (labels == label).sum() >= least
        }

    everyone = np.ones(len(people), bool)
    return {"all": entry_of(everyone), "by_family": apart(family, 1), "by_group": apart(group.astype(str), SMALL)}


def scores(people: Panel, rows: "pl.DataFrame", name: str) -> Values:
    """Return what a reference reaches for each of the clients ``(C,)``; NaN where it has no score."""
    own = rows.filter(rows["reference"] == name)
    known = dict(zip(own["client"].to_list(), own["score"].to_list(), strict=True))
    return np.array([np.nan if (score := known.get(int(c))) is None else score for c in people.client], np.float64)


def pairs(people: Panel, rows: "pl.DataFrame", name: str) -> tuple[Values, Values]:
    """Return the scores of the method and of a reference for those clients that have both ``(n,)``."""
    found = scores(people, rows, name)
    there = sound(found)
    return people.scores[there, -1], found[there]


def entry(mine: Values, theirs: Values, least: float) -> Block:
    """Compare the scores ``(n,)`` of a method and of a reference for the same clients, none of them below ``least``."""
    difference = mean_interval(mine - theirs, least - 1, 1 - least)
    return {
        "clients": len(mine),
        "method": float(mine.mean()) if len(mine) else None,
        "reference": float(theirs.mean()) if len(mine) else None,
        "difference": difference._asdict(),
        "better": float((theirs > mine).mean()) if len(mine) else None,
        "verdict": verdict(difference.low, difference.high),
    }


def verdict(low: float | None, high: float | None) -> str:
    """Say what an interval of the difference shows, method less reference."""
    if low is None or high is None:
        return "open"
    return "beaten" if low > 0 else "better" if high < 0 else "open"


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say which references are not beaten, for whom, and by how much; nothing where there were none."""
    found = summary.get("references")
    part = "unseen" if found and found["unseen"] is not None else "seen"
    if not found or found[part] is None:
        return []
    written, beaten = [], []
    # the better ones first
    for name, own in sorted(found[part].items(), key=lambda pair: pair[1]["all"]["verdict"] != "better"):
        families = {f: e for f, e in own["by_family"].items() if e["verdict"] != "beaten"}
        if not own["all"]["clients"]:
            continue
        if own["all"]["verdict"] == "beaten":
            beaten.append(name)
            written += [f"{LEAD[e['verdict']]} in {f}: {name} {compared(e, part)}." for f, e in families.items()]
            continue
        where = own["by_family"] if len(own["by_family"]) > 1 else own["by_group"]
        whom = [f"{f} ({difference(e)})" for f, e in where.items() if e["verdict"] != "beaten"]
        of = f" By {'family' if where is own['by_family'] else 'group'}: {', '.join(whom)}." if whom else ""
        written.append(f"{LEAD[own['all']['verdict']]}: the reference {name} {compared(own['all'], part)}.{of}")
    if beaten:
        every = "every reference" if not written else "the references"
        written.append(f"{part.capitalize()} clients score above {every} in the mean of all: {', '.join(beaten)}.")
    for reason in dict.fromkeys(why for own in found["undefined"].values() for why in own.values()):
        where = {name: [f for f, why in own.items() if why == reason] for name, own in found["undefined"].items()}
        listed = "; ".join(f"{name} in {', '.join(families)}" for name, families in where.items() if families)
        written.append(f"Not there: {listed}: {reason}.")
    return written


def compared(one: Mapping[str, Any], part: str) -> str:
    """Write an entry."""
    better = round(one["better"] * one["clients"])
    return (
        f"reaches {digits(one['reference'])} where the method has {digits(one['method'])} on the same {one['clients']}"
        f" {part} clients, a difference of {difference(one)}; it serves {better} of them better"
    )


def difference(one: Mapping[str, Any]) -> str:
    """Write the difference of an entry, method less reference, with its interval."""
    value, low, high = (one["difference"][end] for end in ("value", "low", "high"))
    text = digits(value, sign="+")
    if low is None:
        return text
    return f"{text} {enclosed(one['difference']['method'], digits(low, sign='+'), digits(high, sign='+'))}"
