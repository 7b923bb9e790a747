"""What a host says of clients whose rows it keeps to itself: sums over several of them, by family, seen or not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from metafed.core.digits import sound
from metafed.messages.typed import LONGEST_TEXT, BadAnswer, Count, Message, Number, Text, parsed

FEWEST = 2
"""Clients below which nothing but their number is sent: a sum over one client is its row."""


class Sums(NamedTuple):
    """Sums over the clients of one family that are seen, or over those that are not.

    Attributes:
        family: Its name.
        seen: Whether the clients take part in meta-training.
        clients: How many there are whose losses and scores are all finite.
        lost: How many others answered.
        undefined: Of those ``lost``, how many have finite losses and no score.
        loss: Sum of the losses after each inner step; empty with fewer than ``FEWEST`` clients.
        score: Sum of the scores likewise.
        gain: Sum of last score minus first, and sum of its squares.
        harmed: Clients whose last score is below their first.
    """

    family: str
    seen: bool
    clients: int
    lost: int
    undefined: int
    loss: tuple[float, ...]
    score: tuple[float, ...]
    gain: tuple[float, float]
    harmed: int


class Withheld(NamedTuple):
    """What stands in an answer for the rows that it does not have.

    Attributes:
        failed: Clients that contributed nothing; why stands in the node's log.
        sums: Of the others.
    """

    failed: int
    sums: Sequence[Sums]


def withheld(rows: Sequence[Any], failed: int, family: Callable[[int], str], seen: int) -> Withheld:
    """Sum the rows of the clients of one message.

    Args:
        rows: ``metafed.messages.packing.Rows``, of one family each.
        failed: How many clients contributed nothing.
        family: Returns a client's family.
        seen: Clients below this number are seen.
    """
    found: dict[tuple[str, bool], list[tuple[np.ndarray, np.ndarray]]] = {}
    for table in rows:
        for client, loss, score in zip(table.client.tolist(), table.loss, table.score, strict=True):
            found.setdefault((family(client), client < seen), []).append((loss, score))
    return Withheld(failed, [_sums(*key, found[key]) for key in sorted(found)])


def _sums(family: str, seen: bool, own: Sequence[tuple[np.ndarray, np.ndarray]]) -> Sums:
    finite = [pair for pair in own if sound(pair[0]).all() and sound(pair[1]).all()]
    count, lost = len(finite), len(own) - len(finite)
    undefined = sum(bool(sound(loss).all() and np.isnan(score).all()) for loss, score in own)
    if count < FEWEST:
        return Sums(family, seen, count, lost, undefined, (), (), (0.0, 0.0), 0)
    loss, score = (np.stack([pair[side] for pair in finite]) for side in (0, 1))
    gain = score[:, -1] - score[:, 0]
    total = (float(gain.sum()), float((gain**2).sum()))
    sums = [tuple(each.sum(0).tolist()) for each in (loss, score)]
    return Sums(family, seen, count, lost, undefined, sums[0], sums[1], total, int((gain < 0).sum()))


def to_values(withheld: Withheld) -> dict[str, Any]:
    """Return the plain values that stand for ``withheld`` in a message."""
    values: dict[str, Any] = {
        "withheld": len(withheld.sums),
        "withheld/failed": int(withheld.failed),
    }
    for index, sums in enumerate(withheld.sums):
        values |= {f"withheld{index}/{name}": _plain(value) for name, value in sums._asdict().items()}
    return values


def _plain(value: Any) -> Any:
    return [float(number) for number in value] if isinstance(value, tuple) else value


class _Values(Message):
    """As in ``Sums``."""

    family: Text
    seen: bool
    clients: Count
    lost: Count
    undefined: Count
    loss: list[Number]
    score: list[Number]
    gain: list[Number] = Field(min_length=2, max_length=2)
    harmed: Count


class _Counts(Message):
    withheld: Count
    failed: Count = Field(alias="withheld/failed")


def from_values(values: Mapping[str, Any], asked: Sequence[int]) -> Withheld | None:
    """Read what ``to_values`` wrote, if there is any.

    Args:
        values: Plain values of an answer.
        asked: The clients that the server asked for.

    Raises:
        BadAnswer: It is not what it should be.
    """
    if "withheld" not in values:
        return None
    counts = parsed(_Counts, values)
    sums = []
    for index in range(min(counts.withheld, 2 * len(asked))):
        own = parsed(_Values, {name: values.get(f"withheld{index}/{name}") for name in Sums._fields})
        counted = own.harmed <= own.clients and own.undefined <= own.lost and bool(own.loss) == (own.clients >= FEWEST)
        if not counted or len(own.loss) != len(own.score):
            raise BadAnswer(f"sums {index} do not fit each other: {str(own)[:LONGEST_TEXT]}")
        whole: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in own}
        sums.append(Sums(**whole))
    if len({(own.family, own.seen) for own in sums}) != len(sums):
        raise BadAnswer("says two sums of the same clients")
    if counts.failed + sum(own.clients + own.lost for own in sums) > len(asked):
        raise BadAnswer(f"speaks of more clients than the {len(asked)} that it was asked for")
    return Withheld(counts.failed, sums)
