"""Rules of the guard about the rows of clients: splits, numbers, labels, and rows that several clients have."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metafed.core.episodes import Examples, Rows
from metafed.federation.guard import columns as guard_columns
from metafed.federation.guard.columns import Columns
from metafed.tasks.task import Kind

PER_CLIENT = 50
"""Rows of a client by which columns are evaluated, at most."""
TWINS = 8
"""Different rows that two clients, and nobody else, must have to be taken for one person."""
SHARED = 0.02
"""Share of evaluation rows from which on it is said that they equal training rows: in texts some always do."""
NO_SCORE = "no-score"
NO_SCORE_SINCE = "no score, and so in no mean: fewer than {} query rows (--eval-rows), or equal targets"
NAMED = 3
"""Clients or columns that a finding names."""


class Finding(NamedTuple):
    """Something that the guard found.

    Attributes:
        rule: The rule's name.
        text: What was found and where, a sentence without its full stop.
        fatal: Whether it stops the run.
    """

    rule: str
    text: str
    fatal: bool = False


class Client(NamedTuple):
    """One client that is looked at.

    Attributes:
        number: Its id in the run.
        name: What the data call it, empty if nothing.
        seen: Whether it takes part in meta-training.
        own: Its rows.
        training: Numbers of its meta-training rows.
        evaluation: Numbers of its evaluation rows.
        episode: Its evaluation episode.
    """

    number: int
    name: str
    seen: bool
    own: Examples
    training: np.ndarray
    evaluation: np.ndarray
    episode: Rows

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"client {self.number}" + (f" ({self.name!r})" if self.name else "")


def rules(clients: Sequence[Client], columns: Columns, kind: Kind, per_class: bool = False) -> list[Finding]:
    """Apply all rules about rows and columns.

    Args:
        clients: Those that are looked at.
        columns: What the features are called; empty where they have no names.
        kind: Of their tasks.
        per_class: Whether rows were split class by class.
    """
    if not clients:
        return []
    found = not_finite(clients, columns)
    if found:  # what follows computes with the numbers
        return found
    hashes = [keys(client.own) for client in clients]
    found = [*same_person(clients, hashes), *shared_rows(clients, hashes), *same_time(clients, per_class)]
    if kind == "classification":
        found += [*without_support(clients), *one_class(clients)]
    return [*found, *about_columns(clients, columns)]


def not_finite(clients: Sequence[Client], columns: Columns) -> list[Finding]:
    """Find features and targets that are NaN or infinite."""
    bad = [c for c in clients if not (np.isfinite(c.own.x).all() and np.isfinite(c.own.y).all())]
    if not bad:
        return []
    x = bad[0].own.x.reshape(len(bad[0].own.y), -1)
    spoilt = ~np.isfinite(x).all(0)
    names = [name for name, own in guard_columns.slices(columns) if spoilt[own].any()]
    where = _listed(names or [f"feature {k}" for k in np.flatnonzero(spoilt)]) if spoilt.any() else "the target"
    return [Finding("not-finite", f"numbers that are not finite, in {where}: {_who(bad)}", True)]


def same_person(clients: Sequence[Client], hashes: Sequence[list[bytes]]) -> list[Finding]:
    """Find unseen clients all of whose rows a seen client has, too: a person under two names, who is not unseen.

    ``hashes`` are the ``keys`` of each client's rows.
    """
    rows = [set(own) for own in hashes]
    owners: dict[bytes, list[int]] = {}
    for place, own in enumerate(rows):
        for key in own:
            owners.setdefault(key, []).append(place)
    found = []
    for place, client in enumerate(clients):
        # a row that a third client has, too, is no sign of a person: rows may have few different values
        shared = Counter(other for key in rows[place] for other in owners[key] if len(owners[key]) == 2)
        for other, count in shared.items():
            twin = clients[other]
            if twin.seen and not client.seen and count >= TWINS and rows[place] <= rows[other]:
                found.append(f"{client.called}, who is unseen, has the same rows as {twin.called}, who is seen")
    more = f", and {len(found) - 1} others like this" if len(found) > 1 else ""
    return [Finding("same-person", f"{found[0]}{more}: leave one of the two out", True)] if found else []


def shared_rows(clients: Sequence[Client], hashes: Sequence[list[bytes]]) -> list[Finding]:
    """Count evaluation rows that are equal to rows of meta-training, as float32: those were seen in training.

    ``hashes`` are the ``keys`` of each client's rows.
    """
    trained: dict[bytes, set[int]] = {}
    for client, hashed in zip(clients, hashes, strict=True):
        if client.seen:
            for row in client.training:
                trained.setdefault(hashed[row], set()).add(client.number)
    total, own, others, unseen = 0, 0, 0, 0
    for client, hashed in zip(clients, hashes, strict=True):
        for row in client.evaluation:
            owners = trained.get(hashed[row], set())
            total += 1
            own += client.number in owners
            others += bool(owners - {client.number})
            unseen += bool(owners) and not client.seen
    if own + others < SHARED * total:
        return []
    counts = f"{others:,} equal a training row of another client ({unseen:,} of them of unseen clients)"
    text = (
        f"of {total:,} evaluation rows {counts}, {own:,} one of their own client: a leak, unless rows have few values"
    )
    return [Finding("shared-rows", text)]


def same_time(clients: Sequence[Client], per_class: bool) -> list[Finding]:
    """Count clients of whose training and evaluation rows some are of the same time: which are later is not known."""
    torn = [c for c in clients if c.own.time is not None and _tied(c.own.time, c, per_class)]
    what = "rows on both sides of the cut between training and evaluation have the same time, and so no order"
    return [Finding("same-time", f"{what}: {_who(torn)}")] if torn else []


def _tied(time: np.ndarray, client: Client, per_class: bool) -> bool:
    """Say whether the last training row and the first evaluation row are of one time: of all rows, or of a class."""
    sides, y = (client.training, client.evaluation), client.own.y
    strata = [tuple(side[y[side] == label] for side in sides) for label in np.unique(y)] if per_class else [sides]
    return any(len(one) and len(two) and time[one].max() == time[two].min() for one, two in strata)


def without_support(clients: Sequence[Client]) -> list[Finding]:
    """Count clients that are evaluated on labels of which they have no example to adapt on."""
    lacking = [c for c in clients if set(c.own.y[c.episode.query]) - set(c.own.y[c.episode.support])]
    what = "evaluated on labels that the support, which is adapted on, lacks"
    return [Finding("no-support", f"{what}: {_who(lacking)}")] if lacking else []


def no_score(clients: Sequence[Client], kind: Kind, least: int) -> list[Finding]:
    """Count clients whose score is undefined: in no mean."""
    lacking = without_score(clients, kind, least)
    return [Finding(NO_SCORE, f"{NO_SCORE_SINCE.format(least)}: {_who(lacking)}")] if lacking else []


def without_score(clients: Sequence[Client], kind: Kind, least: int) -> list[Client]:
    """Return the clients with fewer than ``least`` query rows, and in a regression those whose targets are equal."""
    few = [len(c.episode.query) < least for c in clients]
    equal = [kind == "regression" and bool(np.ptp(c.own.y[c.episode.query], axis=0).max() == 0) for c in clients]
    return [c for c, *lacks in zip(clients, few, equal, strict=True) if any(lacks)]


def one_class(clients: Sequence[Client]) -> list[Finding]:
    """Count clients with rows of one class only."""
    single = [c for c in clients if len(np.unique(c.own.y)) == 1]
    what = "rows of one class only, which a constant predicts"
    return [Finding("one-class", f"{what}: {_who(single)}")] if single else []


def about_columns(clients: Sequence[Client], columns: Columns) -> list[Finding]:
    """Judge the columns by some rows of each client."""
    picked = [np.linspace(0, len(c.own.y) - 1, min(PER_CLIENT, len(c.own.y))).astype(np.int64) for c in clients]
    pairs = list(zip(clients, picked, strict=True))
    x = np.concatenate([c.own.x[rows].reshape(len(rows), -1) for c, rows in pairs])
    y = np.concatenate([c.own.y[rows] for c, rows in pairs])
    client = np.repeat(np.arange(len(pairs)), [len(rows) for rows in picked])
    named = columns or [(f"feature {number}", 1) for number in range(x.shape[1])]
    same = guard_columns.equal(x, y, client, named)
    found = []
    if same:
        text = f"the target can be read off {_listed(same)}: leave it out of the features"
        found.append(Finding("target", text, True))
    telling = [name for name in guard_columns.tells(x, y, client, columns) if name not in same]
    if telling:
        text = f"{_listed(telling)} alone predicts the target without an error: is it made of the target?"
        found.append(Finding("tells", text))
    if still := guard_columns.constant(x, columns):
        found.append(Finding("constant", f"{_listed(still)} never varies"))
    for name, distance in guard_columns.far(x, columns):
        text = (
            f"{name} has a value {distance:,.0f} interquartile ranges from the median: a slip, or a case for logarithms"
        )
        found.append(Finding("far", text))
    return found


def keys(own: Examples) -> list[bytes]:
    """Return a hash of each row: of features and target as float32, where −0 is 0."""
    rows = np.concatenate([values.reshape(len(own.y), -1).astype(np.float32) for values in (own.x, own.y)], axis=1)
    return [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows + np.float32(0)]


def _who(clients: Sequence[Client]) -> str:
    return clients[0].called if len(clients) == 1 else f"{len(clients)} clients, such as {clients[0].called}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
