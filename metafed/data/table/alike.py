"""Names that a reader takes for one and a table for two: ``p1`` and ``p1 ``, é as one sign and as two."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def alike(names: "Sequence[str] | pl.Series") -> tuple[str, str] | None:
    """Return the first two of ``names`` that differ by spaces at their ends or by Unicode's form (NFC) only."""
    import polars as pl

    # in the order of names: which two are named does not depend on the order of rows
    known = pl.Series(names, dtype=pl.String).drop_nulls().unique().sort()
    plain = known.str.normalize("NFC").str.strip_chars()
    twice = plain.filter(plain.is_duplicated()).unique(maintain_order=True)
    if not len(twice):
        return None
    first, second = known.filter(plain == twice[0])[:2]
    return first, second


def notes(kinds: "Mapping[str, Sequence[str] | pl.Series]") -> tuple[str, ...]:
    """Return a sentence for each kind of names, such as clients, of which two are alike."""
    found = ((what, alike(names)) for what, names in kinds.items())
    return tuple(
        f"{what} {pair[0]!a} and {pair[1]!a} differ by spaces or by Unicode's form only; they count as two"
        for what, pair in found
        if pair is not None
    )
