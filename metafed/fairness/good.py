"""Is it any good at all? What a reader must know before any gain: who is served badly by any standard."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from metafed.core.digits import digits
from metafed.faults.injected_bias import parse_bias


class Bad(NamedTuple):
    """One reason why a result is no good.

    Attributes:
        name: In two or three words.
        value: How often.
        words: The first case of it, as a sentence.
    """

    name: str
    value: str
    words: str


def of_run(summary: Mapping[str, Any]) -> list[Bad]:
    """Return what is bad of one run: low scores, a loss that grew, simple references that are not beaten."""
    families = len(summary["by_family"])
    found = [
        Bad(name, f"{len(sentences)} of {families}", sentences[0])
        for name, sentences in (("Served badly", poor(summary)), ("Loss grew", grown(summary)))
        if sentences
    ]
    part = "unseen" if summary["unseen"] is not None else "seen"
    beside = (summary.get("references") or {}).get(part) or {}
    known = {name: entry["all"] for name, entry in beside.items() if entry["all"]["clients"]}
    return found + unbeaten(known)


def poor(summary: Mapping[str, Any]) -> list[str]:
    """Say where unseen clients, or seen ones where nobody is held out, are served badly by any standard."""
    part, written = "unseen" if summary["unseen"] is not None else "seen", []
    for family, parts in summary["by_family"].items():
        block = parts[part]
        if block is not None:
            own = family not in summary.get("headline", {})
            written += poorly(f"{part} clients of {family}", block["after"]["value"], block["gain"]["value"], own)
    return written


def poorly(whose: str, after: float | None, gain: float | None, own: bool = True) -> list[str]:
    """Say that a mean score is below that of a constant, or else that adaptation lowers it; nothing of others.

    Args:
        whose: Which clients.
        after: Their mean score after adaptation.
        gain: And what it gave.
        own: Whether it is their family's own score, of which a constant has 0.
    """
    if own and after is not None and after < 0:
        return [f"No good: {whose} score {digits(after)}, below the 0 of a constant."]
    if after is not None and gain is not None and gain < 0:
        return [f"Adaptation lowers scores: {whose} by {digits(-gain)} on average."]
    return []


def grown(summary: Mapping[str, Any]) -> list[str]:
    """Say in which families the loss grew by orders of magnitude in training."""
    return [
        f"The loss of {family} grew in training, from {digits(loss['least'])} to {digits(loss['last'])}."
        for family, loss in summary.get("growing", {}).items()
    ]


def unbeaten(references: Mapping[str, Mapping[str, Any]]) -> list[Bad]:
    """Return that simple references are not beaten.

    Args:
        references: By name, the means ``method`` and ``reference``, and their ``difference``. Without an interval,
            as of few seeds, one counts as beaten if the method is above it.
    """
    left = {}
    for name, entry in references.items():
        low, value = entry["difference"]["low"], entry["difference"]["value"]
        if (value if low is None else low) <= 0:
            left[name] = value
    if not left:
        return []
    worst = min(left, key=lambda name: left[name])
    shown = (
        f"{worst} reaches {digits(references[worst]['reference'])}, the method {digits(references[worst]['method'])}"
    )
    return [Bad("Simple references not beaten", f"{len(left)} of {len(references)}", shown)]


def noisy_labels(experiment: Mapping[str, Any]) -> list[str]:
    """Say that scores are of wrong labels, where a planted group has them."""
    text = experiment.get("inject_bias")
    bias = parse_bias(text) if isinstance(text, str) and text else None
    if bias is None or not bias.spoils_labels:
        return []
    return [f"Evaluated on noisy labels: {bias.remark}. A score below 1 may be the labels’ fault."]
