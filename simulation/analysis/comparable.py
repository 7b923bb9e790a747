"""Which runs can be compared: those of the same clients, split and evaluation; methods and budgets may differ."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metafed.data.encoder.weights import FILES as ENCODER
from simulation.cli.errors import BadInput
from simulation.records.methods import Method

PROTOCOL = ("tasks", "mix", "clients", "unseen", "validation", "eval_clients", "eval_rows", "inject_bias", "headline")
"""Settings that say who is evaluated, and on what; they must be equal."""
UNSAID = {"validation": 0.0}
"""What is meant by records of before there was the setting."""


def check_comparable(methods: Sequence[Method]) -> list[str]:
    """Return remarks on what differs and may: steps in evaluation, rounds, seeds.

    Raises:
        BadInput: They cannot be compared; the message names each differing setting with its values.
    """
    first = methods[0]
    wrong: list[str] = []
    for other in methods[1:]:
        wrong += unlike(first, other)
    if wrong:
        raise BadInput(f"these runs cannot be compared: {'; '.join(dict.fromkeys(wrong))}")
    common = set.intersection(*(set(method.seeds) for method in methods))
    if not common:
        sentences = ", ".join(f"{method.name} has {seeds(method)}" for method in methods)
        raise BadInput(
            f"these runs cannot be compared: they have no --seed in common ({sentences}); differences are paired"
        )
    notes = [
        f"{method.name}: seeds {', '.join(map(str, sorted(set(method.seeds) - common)))} have no counterpart and are"
        " left out."
        for method in methods
        if set(method.seeds) - common
    ]
    for what, words in (("inner steps before the last score", steps), ("last evaluated round", last_round)):
        values = {method.name: words(method) for method in methods}
        if len(set(values.values())) > 1:
            notes.append(f"They differ in {what}: {', '.join(f'{n} {v}' for n, v in values.items())}.")
    return notes


def unlike(first: Method, other: Method) -> list[str]:
    """Return a text for each setting of the protocol in which two methods differ."""
    one, two = (method.first.manifest.get("experiment") or {} for method in (first, other))
    steps_asked = None not in (one.get("eval_steps"), two.get("eval_steps"))
    sentences = [
        f"--{name.replace('_', '-')} is {shown(own)} in {first.folder} and {shown(theirs)} in {other.folder}"
        for name in (*PROTOCOL, *(["eval_steps"] if steps_asked else []))
        if (own := one.get(name, UNSAID.get(name))) != (theirs := two.get(name, UNSAID.get(name)))
    ]
    for task in sorted(set(files(first)) & set(files(other))):
        if files(first)[task] != files(other)[task]:
            sentences.append(f"the files of {task} differ (their checksums in manifest.json)")
    return sentences


def files(method: Method) -> dict[str, list[str]]:
    """Return the checksums of each task's files; an encoder is the network's, and what a comparison may be of."""
    data: Mapping[str, Any] = method.first.manifest.get("data") or {}
    known = {task: about.get("files") for task, about in data.items() if isinstance(about, dict)}
    return {
        task: sorted(checksum for path, checksum in (found or {}).items() if Path(path).name not in ENCODER)
        for task, found in known.items()
    }


def steps(method: Method) -> int:
    """Return after how many inner steps the method's clients are evaluated."""
    return max(replicate.people.scores.shape[1] - 1 for replicate in method.seeds.values())


def last_round(method: Method) -> str:
    """Return the last evaluated round, of all seeds."""
    found = sorted({replicate.round for replicate in method.seeds.values() if replicate.round is not None})
    return str(found[0]) if len(found) == 1 else f"{found[0]}–{found[-1]}"


def seeds(method: Method) -> str:
    """Name a method's seeds."""
    return ", ".join(map(str, method.seeds))


def shown(value: Any) -> str:
    """Format a setting."""
    return "not set" if value is None else str(value)
