"""Fairness between rows of different attributes, such as genders: for each client, and over all rows together.

Pure functions of counts ``(…, A, K, K)``: of each value of the attribute, each class and each predicted class, how many
rows there are. Of two classes the second is the positive one; of more, each is in turn, against all others, and the
largest difference counts. Differences are those of fairlearn (Bird et al. 2020): the largest rate less the smallest.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metafed.fairness.intervals import LEVELS

Counts: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]

MEASURES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selected",),
    "equal_opportunity": ("true",),
    "equalized_odds": ("true", "false"),
    "accuracy": ("accuracy",),
}
"""What is measured, and of which ``rates`` it is made."""
LEAST = 10
"""Rows of a cell: a rate of fewer means nothing."""
FEWEST = 30
"""Clients that an interval needs at least: it resamples them."""
RESAMPLES = 1000
"""Resamples of clients behind an interval."""
SHUFFLES = 200
"""Shuffles of the attribute behind the difference that chance alone makes."""


class Difference(NamedTuple):
    """How unequally rows of different values are served, over all clients together.

    Attributes:
        value: The difference, 0…1; None: see ``why``.
        low: Lower end of its interval; None: see ``why``.
        high: Upper end.
        chance: 19 of 20 shuffles of the attribute give less.
        why: Why there is no value, or no interval; empty where there are both.
        found: Whether the interval lies above 0, and the value above every shuffle: by chance in 1 of 201 at most.
            Both allow for the choice of the largest difference, since shuffles choose theirs, too.
    """

    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    why: str = ""
    found: bool = False


def counted(attribute: Counts, target: Counts, prediction: Counts, values: int, classes: int) -> Counts:
    """Count rows ``(n,)`` by value of the attribute, class and predicted class ``(A, K, K)``."""
    cells = (attribute * classes + target) * classes + prediction
    return np.bincount(cells, minlength=values * classes**2).reshape(values, classes, classes)


def rates(counts: Counts, least: int = LEAST) -> dict[str, Values]:
    """Return rates of each value and positive class ``(…, A, P)``; NaN where a cell has fewer than ``least`` rows.

    ``selected``: how many are predicted positive. ``true``: how many of those that are. ``false``: how many of those
    that are not. ``accuracy`` ``(…, A, 1)``: how many are predicted right. A value without rows is infinite: not there.
    """
    own = counts.sum((-1, -2))[..., None]
    of_class, selected = counts.sum(-1), counts.sum(-2)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    right = hits.sum(-1, keepdims=True)
    if counts.shape[-1] == 2:
        of_class, selected, hits = of_class[..., 1:], selected[..., 1:], hits[..., 1:]
    pairs = {
        "selected": (selected, own),
        "true": (hits, of_class),
        "false": (selected - hits, own - of_class),
        "accuracy": (right, own),
    }
    return {name: _rate(part, whole, own, least) for name, (part, whole) in pairs.items()}


def _rate(part: Counts, whole: Counts, own: Counts, least: int) -> Values:
    whole = np.broadcast_to(whole, part.shape)
    found = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole >= max(1, least))
    return np.where(own == 0, np.inf, found)


def differences(counts: Counts, least: int = LEAST) -> dict[str, Values]:
    """Return each measure ``(…,)``; NaN where a cell is too small, or fewer than two values have rows."""
    spreads = {name: _spread(each) for name, each in rates(counts, least).items()}
    return {
        name: _largest(np.max([spreads[part] for part in parts], axis=0))  # NaN where one of the two is
        for name, parts in MEASURES.items()
    }


def _spread(rate: Values) -> Values:
    """Return the largest rate less the smallest, of the values that are there ``(…, P)``."""
    absent = np.isposinf(rate)
    high, low = np.where(absent, -1.0, rate).max(-2), np.where(absent, 2.0, rate).min(-2)
    return np.where((~absent).sum(-2) < 2, np.nan, high - low)


def _largest(spread: Values) -> Values:
    """Return the largest over the positive classes whose cells are large enough ``(…,)``; NaN where none are."""
    best = np.where(np.isnan(spread), -1.0, spread).max(-1)
    return np.where(best < 0, np.nan, best)


def why_none(counts: Counts, measure: str, names: Sequence[str], least: int = LEAST) -> str:
    """Say why counts ``(A, K, K)`` have no value of a measure, by the smallest cell; empty where they have one."""
    if not np.isnan(differences(counts, least)[measure]):
        return ""
    own, of_class, classes = counts.sum((1, 2)), counts.sum(2), counts.shape[1]
    there = [int(value) for value in np.flatnonzero(own)]
    if len(there) < 2:
        return "fewer than two values have rows"
    cells = {repr(names[value]): int(own[value]) for value in there}
    if measure in ("equal_opportunity", "equalized_odds"):
        labels = (1,) if measure == "equal_opportunity" and classes == 2 else range(classes)
        cells |= {
            f"{names[value]!r} of class {label}": int(of_class[value, label]) for value in there for label in labels
        }
    cell = min(cells, key=lambda name: cells[name])
    return f"{cells[cell]} rows of {cell}; {least} are needed"


def over_all(
    counts: Counts,
    names: Sequence[str],
    chance: Mapping[str, float],
    rng: np.random.Generator,
    most: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Difference]:
    """Return each measure of the rows of all clients together.

    An interval is of the two values that differ most. It resamples clients with all their rows, since rows of one
    client are not independent, and ends at 0 where the sign of the difference is open.

    Args:
        counts: Of each client ``(C, A, K, K)``.
        names: The attribute's values.
        chance: The first that ``by_chance`` returns.
        rng: Draws the clients.
        most: The third.
    """
    clients, whole = len(counts), counts.sum(0)
    measured, point = differences(whole), rates(whole)
    drawn: dict[str, Values] = {}
    if clients >= FEWEST:
        times = rng.multinomial(clients, np.full(clients, 1 / clients), RESAMPLES)
        drawn = rates((times @ counts.reshape(clients, -1)).reshape(-1, *whole.shape), 1)
    found = {}
    for measure, value in measured.items():
        if np.isnan(value):
            found[measure] = Difference(None, None, None, None, why_none(whole, measure, names))
        elif not drawn:
            few = f"no interval: {clients} clients; {FEWEST} are needed"
            found[measure] = Difference(float(value), None, None, chance.get(measure), few)
        else:
            low, high = _ends(point, drawn, measure, clients)
            is_found = low > 0 and measure in most and float(value) > most[measure]
            found[measure] = Difference(float(value), low, high, chance.get(measure), found=is_found)
    return found


def _ends(point: Mapping[str, Values], drawn: Mapping[str, Values], measure: str, clients: int) -> tuple[float, float]:
    """Return the ends of the interval of the difference of the two values that differ most.

    It begins at 0 where the sign is open. The largest of many differences is too large by chance: the lower end's level
    is divided by how many there were, and where there were several, the upper end is the basic bootstrap's (Davison and
    Hinkley 1997, section 5.2) of the largest: about 0 of 100 lay above an end that allows for none.
    Resamples of few clients spread too little: it is never narrower than Student's t with their standard deviation.
    """
    from scipy.special import stdtrit

    parts = MEASURES[measure]
    spreads = np.stack([_spread(point[part]) for part in parts])
    spreads[:, np.isnan(spreads).any(axis=0)] = -1.0
    place, label = np.unravel_index(int(spreads.argmax()), spreads.shape)
    rate, again = point[parts[place]][:, label], drawn[parts[place]][:, :, label]
    absent = np.isposinf(rate)
    high, low = np.where(absent, -1.0, rate).argmax(), rate.argmin()
    signed = again[:, high] - again[:, low]
    signed, value = signed[np.isfinite(signed)], float(rate[high] - rate[low])
    there = int((~absent).sum())
    choices = int((spreads >= 0).sum()) * there * (there - 1) // 2
    levels = np.array([LEVELS[0] / choices, LEVELS[1]])
    quantiles, error = np.quantile(signed, levels), float(signed.std(ddof=1))
    by_t = value + stdtrit(clients - 1, levels) * error
    ends = min(quantiles[0], by_t[0]), max(quantiles[1], by_t[1])
    if len(parts) > 1:
        each = np.concatenate([_signed(point[part], drawn[part]) for part in parts], axis=1)
        largest = each.max(axis=1)
        ends = ends[0], max(value, 2 * value - float(np.quantile(largest[np.isfinite(largest)], LEVELS[0])))
    return max(0.0, float(ends[0])), max(0.0, float(ends[1]))


def _signed(rate: Values, again: Values) -> Values:
    """Return resampled differences ``(R, P)`` of the two values whose rates differ most; −∞ where a cell is small."""
    high, low = np.where(np.isfinite(rate), rate, -1.0).argmax(0), np.where(np.isfinite(rate), rate, 2.0).argmin(0)
    classes = np.arange(rate.shape[1])
    found = again[:, high, classes] - again[:, low, classes]
    small = np.isnan(_spread(rate))
    return np.where(small | ~np.isfinite(found), -np.inf, found)


def by_chance(counts: Counts, rng: np.random.Generator) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return what 19 of 20 shuffles of the attribute stay below: of all rows together, and of the clients' mean.

    The third is the most that any shuffle makes, of all rows together.

    The attribute is shuffled within each client, so that who the clients are stays as it is. Where no client has two
    values it is shuffled among clients, and their means are not there.

    Args:
        counts: Of each client ``(C, A, K, K)``.
        rng: Shuffles.
    """
    own = counts.sum((2, 3))
    total = np.zeros((SHUFFLES, *counts.shape[1:]), np.int64)
    sums = {name: np.zeros(SHUFFLES) for name in MEASURES}
    known = {name: np.zeros(SHUFFLES) for name in MEASURES}
    if ((own > 0).sum(1) > 1).any():
        for table in counts:
            drawn = _shuffled(table, rng)
            total += drawn
            for name, each in differences(drawn).items():
                sums[name] += np.nan_to_num(each)
                known[name] += ~np.isnan(each)
    else:
        has, rows = own.argmax(1), counts.sum(1)
        for shuffled in total:
            np.add.at(shuffled, rng.permutation(has), rows)
    nothing = np.full(SHUFFLES, np.nan)
    means = {name: np.divide(sums[name], known[name], out=nothing.copy(), where=known[name] > 0) for name in MEASURES}
    whole = differences(total)
    return _below(whole, 0.95), _below(means, 0.95), _below(whole, 1.0)


def _below(values: Mapping[str, Values], share: float) -> dict[str, float]:
    """Return what a share of the numbers stay below, of each measure that has any."""
    known = {name: each[~np.isnan(each)] for name, each in values.items()}
    return {name: float(np.quantile(each, share)) for name, each in known.items() if len(each)}


def _shuffled(table: Counts, rng: np.random.Generator) -> Counts:
    """Return the counts of one client ``(A, K, K)`` after each shuffle of its attribute ``(SHUFFLES, A, K, K)``."""
    values, cells = len(table), table[0].size
    attribute = np.repeat(np.arange(values), table.reshape(values, -1).sum(1))
    cell = np.repeat(np.tile(np.arange(cells), values), table.ravel())
    drawn = rng.permuted(np.tile(attribute, (SHUFFLES, 1)), axis=1)
    number = (np.arange(SHUFFLES)[:, None] * values + drawn) * cells + cell
    return np.bincount(number.ravel(), minlength=SHUFFLES * values * cells).reshape(SHUFFLES, *table.shape)
