"""The frontier of a sweep: the mean against the worst tenth, and which cells no other beats."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simulation.records.names import names_of


class Point(NamedTuple):
    """A cell's mean score and worst tenth, estimates with intervals where there are seeds enough.

    Attributes:
        name: Its folder.
        chosen: What was chosen, by flag.
        mean: The mean score.
        worst: The mean of the worst tenth.
        part: Which clients these are of.
        experiment: All its settings; empty where the name is what a person gave it.
    """

    name: str
    chosen: Mapping[str, str]
    mean: Mapping[str, Any]
    worst: Mapping[str, Any]
    part: str
    experiment: Mapping[str, Any] = {}


def names(points: Sequence[Point]) -> list[str]:
    """Return what the cells are called: what differs between them."""
    found = names_of([each.experiment for each in points]) if all(each.experiment for each in points) else None
    return found or [each.name for each in points]


def point(
    name: str, chosen: Mapping[str, str], summary: Mapping[str, Any], experiment: Mapping[str, Any]
) -> Point | None:
    """Read a cell's ``summary.json`` (of a study); None where nobody was evaluated.

    Its clients are those that are held out to choose by; where there are none, the unseen, or else the seen.
    """
    part = next((name for name in ("validation", "unseen") if summary.get(name)), "seen")
    block = summary.get(part)
    cells = list(block["all"]["methods"].values()) if block else []
    if not cells or cells[0]["after"]["value"] is None:
        return None
    return Point(name, chosen, cells[0]["after"], cells[0]["worst10"], part, experiment)


def efficient(points: Sequence[Any]) -> list[bool]:
    """Say which points, anything with ``mean`` and ``worst``, no other beats: as good in both and better in one."""
    ends = [(one.mean["value"], one.worst["value"]) for one in points]
    return [not any(b != a and b[0] >= a[0] and b[1] >= a[1] for b in ends) for a in ends]
