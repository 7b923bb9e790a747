"""Unfairness planted on purpose: groups drawn at random, one with fewer rows, another with wrong labels.

Groups are of clients, or of the rows of each client: an attribute, by which rows of one client are served unequally.

For studies of what a report finds, and of what it must not find: a group that nothing is planted in differs from the
others by chance alone.
"""

import re
from dataclasses import dataclass
from math import ceil, fsum
from typing import NamedTuple

import numpy as np

from metafed.core.episodes import MINIMUM, Examples, Shots, strata
from metafed.core.streams import stream

PLANTED = "planted"
"""The attribute whose values are the planted groups of rows."""
REST = "others"
"""The group of those who are in none of the named ones."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")


class Group(NamedTuple):
    """A planted group.

    Attributes:
        name: Its name.
        share: Part of the clients that are drawn into it, or of each client's rows.
        rows: Part of their rows that its clients keep.
        labels: Part of their rows whose labels are dealt anew among these rows.
        of_rows: Whether it is a group of rows.
    """

    name: str
    share: float
    rows: float = 1.0
    labels: float = 0.0
    of_rows: bool = False


@dataclass(frozen=True)
class InjectedBias:
    """What is planted: groups whose shares add up to 1. They take the place of the families' own groups.

    Attributes:
        groups: Groups of clients; none: the families' own stay.
        of_rows: Groups of rows, which are the values of an attribute called ``planted``.
    """

    groups: tuple[Group, ...]
    of_rows: tuple[Group, ...] = ()

    @property
    def spoils_labels(self) -> bool:
        """Whether some labels are wrong."""
        return any(group.labels > 0 for group in (*self.groups, *self.of_rows))

    @property
    def remark(self) -> str:
        """What a reader of results must know."""
        of_clients, of_rows = (
            "; ".join(
                f"{group.name} {group.share:.0%}"
                + (f" with {group.rows:.0%} of their rows" if group.rows < 1 else "")
                + (f" with {group.labels:.0%} of their labels dealt anew" if group.labels > 0 else "")
                for group in groups
            )
            for groups in (self.groups, self.of_rows)
        )
        found = [f"planted groups, drawn at random in place of the families' own: {of_clients}"] if of_clients else []
        found += [f"a planted attribute of rows, drawn at random: {of_rows}"] if of_rows else []
        return "; ".join(found)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes of rows that are planted."""
        return (PLANTED,) if self.of_rows else ()

    def __call__(self, seed: int, client: int, own: Examples, shots: Shots) -> Examples:
        """Return a client's rows as they are once the client is in its group; a pure function of its arguments."""
        if self.groups:
            own = self._of_clients(seed, client, own, shots)
        return self._of_rows(seed, client, own) if self.of_rows else own

    def _of_clients(self, seed: int, client: int, own: Examples, shots: Shots) -> Examples:
        rng = stream(seed, "planted", client)
        group = self.groups[int(np.searchsorted(_edges(self.groups), rng.random(), side="right"))]
        if group.rows < 1:
            kept = np.sort(np.concatenate([_kept(own, rows, group.rows, rng) for rows in _strata(own, shots)]))
            own = own._replace(**{f: getattr(own, f)[kept] for f in PER_ROW if getattr(own, f) is not None})
        if group.labels > 0:
            own = _dealt_anew(own, np.flatnonzero(rng.random(len(own.y)) < group.labels), rng)
        return own._replace(group=group.name)

    def _of_rows(self, seed: int, client: int, own: Examples) -> Examples:
        rng = stream(seed, "planted rows", client)
        values = np.searchsorted(_edges(self.of_rows), rng.random(len(own.y)), side="right")
        for number, group in enumerate(self.of_rows):
            if group.labels > 0:
                own = _dealt_anew(
                    own, np.flatnonzero((values == number) & (rng.random(len(own.y)) < group.labels)), rng
                )
        column = np.array([group.name for group in self.of_rows])[values, None]
        return own._replace(attributes=column if own.attributes is None else np.hstack([own.attributes, column]))


PER_ROW = ("x", "y", "oracle_score", "evaluation", "block", "time", "attributes", "weight")


def _edges(groups: tuple[Group, ...]) -> np.ndarray:
    edges = np.cumsum([group.share for group in groups])
    return np.asarray(edges / edges[-1])


def _dealt_anew(own: Examples, wrong: np.ndarray, rng: np.random.Generator) -> Examples:
    """Return rows of which those at ``wrong`` have their labels dealt anew among themselves."""
    y = own.y.copy()
    y[wrong] = y[rng.permutation(wrong)]
    # what the best predictor reaches on such labels nobody has worked out
    return own._replace(y=y, oracle_score=np.full(len(y), np.nan))


def _strata(own: Examples, shots: Shots) -> list[np.ndarray]:
    """Return the rows of which some must be left: of each class where episodes are by class, of each half if given."""
    found = strata(own, np.arange(len(own.y)), shots)
    if own.evaluation is None:
        return found
    return [rows[own.evaluation[rows] == side] for rows in found for side in (False, True)]


def _kept(own: Examples, rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return which of the ``rows`` are kept: the latest where time matters, else any, blocks as a whole."""
    fewest = MINIMUM if own.evaluation is None else MINIMUM // 2
    units = rows if own.block is None else np.unique(own.block[rows])
    count = min(len(units), max(fewest, ceil(share * len(units))))
    if own.time is not None:
        return rows[np.argsort(own.time[rows], kind="stable")][len(rows) - count :]
    chosen = rng.permutation(units)[:count]
    return chosen if own.block is None else rows[np.isin(own.block[rows], chosen)]


def parse_bias(text: str) -> InjectedBias:
    """Parse ``NAME:SHARE[:rows=PART][:labels=PART][:of=rows],…``.

    Where the shares of groups of clients, or of those of rows, do not add up to 1 the rest are ``others``.

    Raises:
        ValueError: It is not of this form, or a number is out of range.
    """
    groups = [_group(entry) for entry in filter(None, (item.strip() for item in text.split(",")))]
    names = [group.name for group in groups]
    if not groups:
        raise ValueError("no group is named; give NAME:SHARE[:rows=PART][:labels=PART],…")
    twice = {name for name in names if names.count(name) > 1}
    if twice or REST in names:
        raise ValueError(
            f"group {min(twice or {REST})!r} is named twice" if twice else f"{REST!r} is the rest's own name"
        )
    return InjectedBias(*(_whole([group for group in groups if group.of_rows is of]) for of in (False, True)))


def _whole(groups: list[Group]) -> tuple[Group, ...]:
    """Return groups and, where their shares do not add up to 1, the rest; none where there are none."""
    left = 1 - fsum(group.share for group in groups)
    if left < -1e-9:
        raise ValueError(f"the groups' shares add up to {1 - left:g}; they must not exceed 1")
    return (*groups, Group(REST, left)) if left > 1e-9 and groups else tuple(groups)


def _group(entry: str) -> Group:
    name, *rest = entry.split(":")
    if not NAME.fullmatch(name):
        raise ValueError(f"{entry!r}: a group's name is of letters, digits, spaces, - and _, at most 40")
    if not rest:
        raise ValueError(f"{entry!r}: how large is the group? give {name}:SHARE, such as {name}:0.2")
    settings: dict[str, float] = {"share": _number(entry, "the share", rest[0])}
    for word in rest[1:]:
        key, _, number = word.partition("=")
        if word == "of=rows":
            continue
        if key not in ("rows", "labels") or key in settings:
            raise ValueError(
                f"{entry!r}: {key!r} is {'given twice' if key in settings else 'neither rows, labels nor of=rows'}"
            )
        settings[key] = _number(entry, key, number)
    of_rows = "of=rows" in rest
    if of_rows and "rows" in settings:
        raise ValueError(f"{entry!r}: rows=PART is of groups of clients; a group of rows keeps its rows")
    return Group(name, **settings, of_rows=of_rows)


def _number(entry: str, what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 1:
        raise ValueError(f"{entry!r}: {what} must be above 0 and at most 1, got {text!r}")
    return value
