"""What a host says of clients whose rows it keeps to itself: sums over several of them, by family, seen or not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from metafed.core.digits import sound

FEWEST = 2
"""Clients below which nothing but their number is sent: a sum over one client is its row."""
LONGEST_NAME = 300


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
        first: The first client that the message named: which message is answered, and nothing that its sender
            does not know.
        failed: Clients that contributed nothing; why stands in the node's log.
        sums: Of the others.
    """

    first: int
    failed: int
    sums: Sequence[Sums]


def withheld(
    asked: Sequence[int], rows: Sequence[Any], failed: int, family: Callable[[int], str], seen: int
) -> Withheld:
    """Sum the rows of the clients of one message.

    Args:
        asked: The clients that the message named.
        rows: ``metafed.messages.packing.Rows``, of one family each.
        failed: How many clients contributed nothing.
        family: Returns a client's family.
        seen: Clients below this number are seen.
    """
    found: dict[tuple[str, bool], list[tuple[np.ndarray, np.ndarray]]] = {}
    for table in rows:
        for client, loss, score in zip(table.client.tolist(), table.loss, table.score, strict=True):
            found.setdefault((family(client), client < seen), []).append((loss, score))
    return Withheld(asked[0], failed, [_sums(*key, found[key]) for key in sorted(found)])


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
        "withheld/first": int(withheld.first),
        "withheld/failed": int(withheld.failed),
    }
    for index, sums in enumerate(withheld.sums):
        values |= {f"withheld{index}/{name}": _plain(value) for name, value in sums._asdict().items()}
    return values


def _plain(value: Any) -> Any:
    return [float(number) for number in value] if isinstance(value, tuple) else value


def from_values(values: Mapping[str, Any], asked: Sequence[int]) -> Withheld | None:
    """Read what ``to_values`` wrote, if there is any.

    Args:
        values: Plain values of an answer.
        asked: The clients that the server asked for.

    Raises:
        KeyError, TypeError, ValueError: It is not what it should be.
    """
    if "withheld" not in values:
        return None
    first, failed = int(values["withheld/first"]), int(values["withheld/failed"])
    sums = []
    for index in range(min(int(values["withheld"]), 2 * len(asked))):
        own = {name: values[f"withheld{index}/{name}"] for name in Sums._fields}
        loss, score, gain = (tuple(float(number) for number in own[name]) for name in ("loss", "score", "gain"))
        counts = [int(own[name]) for name in ("clients", "lost", "harmed", "undefined")]
        if not np.isfinite([*loss, *score, *gain]).all() or len(loss) != len(score) or len(gain) != 2:
            raise ValueError(f"sums {index} are not finite, or of different lengths")
        if min(counts) < 0 or counts[2] > counts[0] or counts[3] > counts[1] or (not loss and counts[0] >= FEWEST):
            raise ValueError(f"sums {index} have counts that cannot be: {counts}")
        clients, lost, harmed, undefined = counts
        name = str(own["family"])[:LONGEST_NAME]
        sums.append(Sums(name, bool(own["seen"]), clients, lost, undefined, loss, score, (gain[0], gain[1]), harmed))
    if first not in asked or failed < 0 or failed + sum(own.clients + own.lost for own in sums) > len(asked):
        raise ValueError(f"speaks of more clients than it was asked for, or of another message: {first}, {failed}")
    return Withheld(first, failed, sums)
