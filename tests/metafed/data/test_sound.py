"""Rows that are not what their source says are refused, with the client's name, before anything computes with them."""

import numpy as np
import pytest

from metafed.core.episodes import Examples
from metafed.core.errors import DataError
from metafed.data.sound import check_rows


class Says:
    """What a source says of its rows."""

    features, outputs = 4, 3

    def __init__(self, weighted=False):
        self.weighted = weighted


def rows(x=(6, 4), y=(6, 3), oracle=6):
    return Examples(np.ones(x), np.ones(y), "g", np.ones(oracle))


@pytest.mark.parametrize(
    ("own", "kind"),
    [(rows(), "regression"), (rows(x=(6, 1, 2, 2)), "regression"), (rows(y=(6,)), "classification")],
)
def test_rows_as_the_source_says_pass_until_one_number_is_missing(own, kind):
    check_rows(own, Says(), kind, "own: client a")
    with pytest.raises(DataError, match="not finite"):
        check_rows(
            own._replace(y=np.where(np.arange(own.y.size).reshape(own.y.shape) == 0, np.nan, own.y)), Says(), kind, "a"
        )


@pytest.mark.parametrize(
    ("own", "kind", "text"),
    [
        (rows(x=(6, 9)), "regression", "own: client a has rows of x of 9 numbers; its source says 4"),
        (rows(x=(6, 3)), "regression", "own: client a has rows of x of 3 numbers; its source says 4"),
        (rows(y=(6, 1)), "regression", "own: client a has rows of y of 1 numbers; its source says 3"),
        (rows(y=(6, 3)), "classification", "own: client a has rows of y of 3 numbers; its source says 1"),
        (rows(y=(3, 3)), "regression", "own: client a has 6 rows of x, and 3 of y"),
        (rows(oracle=2), "regression", "own: client a has 6 rows of x, and 2 of oracle_score"),
        (
            rows()._replace(x=np.full((6, 4), np.nan)),
            "regression",
            "own: client a has numbers in x that are not finite",
        ),
    ],
)
def test_others_are_refused(own, kind, text):
    with pytest.raises(DataError) as caught:
        check_rows(own, Says(), kind, "own: client a")
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("weight", "weighted", "text"),
    [
        (None, True, "own: client a has no weights, and its source says weighted = True"),
        (np.ones(6), False, "own: client a has weights, and its source says weighted = False"),
        (np.ones(5), True, "own: client a has 6 rows of x, and 5 of weight"),
        (np.arange(6.0), True, "own: client a has a weight that is no number above 0: leave the row out"),
        (np.full(6, np.nan), True, "own: client a has a weight that is no number above 0: leave the row out"),
        (np.ones(6), True, None),
    ],
)
def test_weights_are_as_the_source_says(weight, weighted, text):
    own = rows()._replace(weight=weight)
    if text is None:
        check_rows(own, Says(weighted), "regression", "own: client a")
        return
    with pytest.raises(DataError) as caught:
        check_rows(own, Says(weighted), "regression", "own: client a")
    assert str(caught.value) == text
