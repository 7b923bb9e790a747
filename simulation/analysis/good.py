"""Is any of several methods any good at all? What a reader must know before any difference."""

from collections.abc import Mapping, Sequence
from typing import Any

from metafed.fairness.good import grown, noisy_labels, poorly
from simulation.records.methods import Method, headlines


def warnings(methods: Sequence[Method], found: Mapping[str, Any], part: str) -> list[str]:
    """Say which of several methods are no good, by family, and where scores are of wrong labels.

    Args:
        methods: What is compared.
        found: Comparisons of them by family (``differences.comparison``); ``all`` where there is one.
        part: Which clients these are of.
    """
    written: list[str] = []
    headed = headlines(methods[0])
    for family, own in found.items():
        own_score = not headed if family == "all" else family not in headed
        whose = f"{part} clients" + ("" if family == "all" else f" of {family}")
        for name, cells in own["methods"].items():
            after, gain = ((cells.get(measure) or {}).get("value") for measure in ("after", "gain"))
            written += [f"{name}: {sentence}" for sentence in poorly(whose, after, gain, own_score)]
    for method in methods:
        sentences = dict.fromkeys(s for one in method.seeds.values() for s in grown(one.run.summary or {}))
        written += [f"{method.name}: {sentence}" for sentence in sentences]
    return written + noisy_labels(methods[0].first.manifest.get("experiment") or {})
