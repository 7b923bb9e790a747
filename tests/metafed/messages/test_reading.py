"""What a host may say: whatever it sends is read, or refused with one error, and takes no memory beyond its bytes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.core.parameters import Layout
from metafed.messages.packing import Answer, Failure, Rows, pack
from metafed.messages.predictions import Predictions
from metafed.messages.reading import unpack
from metafed.messages.typed import LARGEST, BadAnswer, array_of, bytes_of
from metafed.objectives import Contribution

LAYOUT = Layout({"trunk.w": (3,), "a.w": (2,), "b.w": (2,)})
ASKED = [4, 7, 9]


def honest():
    """A whole answer: a sum over two clients, their rows, and one that failed."""
    numbers = np.array([[0.5, 0.25], [0.75, 0.5]])
    rows = Rows(np.array([4, 9]), np.array([0, 3]), numbers, numbers, np.array([np.nan, 1.0]), np.ones((2, 3)), "xy")
    total = Contribution({"trunk": np.ones(3), "a": np.ones(2)}, {"trunk": 2.0, "a": 2.0})
    return pack(Answer(total, [rows], [Failure(7, "no rows")]))


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def test_an_answer_survives_its_message():
    answer = unpack(*honest(), LAYOUT, ASKED, ["trunk", "a"])
    assert answer.asked == (4, 7, 9)
    assert [failure.client for failure in answer.failures] == [7]
    assert answer.rows[0].client.tolist() == [4, 9]
    assert answer.rows[0].group == ["x", "y"]
    assert answer.rows[0].name == []
    assert answer.rows[0].scores == {}
    arrays, values = honest()
    assert unpack(arrays, {**values, "rows0/name": ["u1", "u2"]}, LAYOUT, ASKED).rows[0].name == ["u1", "u2"]


def test_more_scores_survive_with_their_names():
    numbers = np.array([[0.5, 0.25], [0.75, 0.5]])
    more = {"auc": numbers / 2, "mine:f1": np.array([[np.nan, 1.0], [2.0, 3.0]])}
    about = np.array([np.nan, 1.0]), np.ones((2, 3)), "xy"
    rows = Rows(np.array([4, 9]), np.array([0, 3]), numbers, numbers + 1, *about, scores=more)
    arrays, values = pack(Answer(Contribution({}, {}), [rows], []))
    read = unpack(arrays, values, LAYOUT, ASKED).rows[0]
    np.testing.assert_array_equal(read.score, numbers + 1)
    assert list(read.scores) == ["auc", "mine:f1"]
    for name, expected in more.items():
        np.testing.assert_array_equal(read.scores[name], expected)
    for lie in (["auc"], ["auc", "auc"], ["auc", 3], "auc"):
        with pytest.raises(BadAnswer):
            unpack(arrays, {**values, "rows0/scores": lie}, LAYOUT, ASKED)


def table(**changed):
    """The rows of ``honest`` with columns changed: client, oracle score, sizes, losses, scores."""
    names = ["client", "oracle", "n", "support", "query", "loss0", "loss3", "score0", "score3"]
    whole = honest()[0]["rows0"].copy()
    for name, value in changed.items():
        whole[0, names.index(name)] = value
    return {"rows0": whole}


@pytest.mark.parametrize(
    ("arrays", "values"),
    [
        ({}, {"rows0/steps": []}),
        ({}, {"rows0/steps": [0, 10**9]}),
        ({}, {"rows0/steps": [3, 0]}),
        ({}, {"rows0/steps": [0, "3"]}),
        ({}, {"rows0/group": ["x"]}),
        ({}, {"rows0/name": ["u1"]}),
        ({}, {"rows0/name": ["u1", 2]}),
        ({}, {"tables": "1"}),
        ({}, {"tables": True}),
        ({}, {"failed": [4], "reasons": ["it has a row as well"]}),
        ({}, {"failed": [8], "reasons": ["of another node"]}),
        ({}, {"reasons": []}),
        ({}, {"weight/a": -1.0}),
        ({}, {"weight/a": float("nan")}),
        ({}, {"weight/trunk": 10 * LARGEST}),
        ({}, {"weight/trunk": "2"}),
        ({}, {"scale/trunk": float("inf")}),
        ({}, {"total/x": 1e300}),
        ({}, {"halved": ["a"], "tried": [9], "fitted": [4]}),
        ({"sum/a": np.full(2, 1e101)}, {}),
        ({"sum/a": np.full(2, np.nan)}, {}),
        ({"sum/a": np.ones(3)}, {}),
        ({"sum/a": np.ones(2, np.float16)}, {}),
        ({"sum/b": np.ones(2)}, {"weight/b": 1.0}),  # of other clients' family
        ({"sum/c": np.ones(2)}, {"weight/c": 1.0}),
        ({"rows0": np.ones((2, 9), np.float32)}, {}),
        (table(client=8), {}),  # another node's
        (table(client=9), {}),  # twice
        (table(client=4.5), {}),
        (table(client=-4), {}),
        (table(n=2**40), {}),
        (table(support=-1), {}),
        (table(query=np.inf), {}),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_one_error(arrays, values):
    good = honest()
    with pytest.raises(BadAnswer):
        unpack({**good[0], **arrays}, {**good[1], **values}, LAYOUT, ASKED, ["trunk", "a"])


def with_predictions(**changes):
    numbers = np.array([[0.5, 0.25], [0.75, 0.5]])
    sizes = np.array([[9, 2, 1], [9, 2, 2]])
    own = {
        "row": np.array([5, 0, 8]), "target": np.array([[1.0], [0.0], [1.0]]), "before": np.full((3, 2), 0.5),
        "after": np.array([[0.25, 0.75], [np.nan, np.nan], [1.0, 0.0]]),
        "attributes": {"gender": ["f", "", "m"], "age": ["old", "old", "young"]},
    }  # fmt: skip
    kept = Predictions(**{**own, **changes})
    best = np.array([np.nan, 1.0])
    rows = Rows(np.array([4, 9]), np.array([0, 3]), numbers, numbers, best, sizes, "xy", predictions=kept)
    return pack(Answer(Contribution({}, {}), [rows], [])), kept


def test_predictions_for_single_rows_survive_with_their_attributes():
    (arrays, values), sent = with_predictions()
    found = unpack(arrays, values, LAYOUT, ASKED).rows[0].predictions
    for name in ("row", "target", "before", "after"):
        np.testing.assert_array_equal(getattr(found, name), getattr(sent, name))
    assert found.attributes == sent.attributes
    (arrays, values), _ = with_predictions(attributes={})
    assert unpack(arrays, values, LAYOUT, ASKED).rows[0].predictions.attributes == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("widths", [1, 3]), ("widths", [1]), ("widths", [0, 2]), ("widths", "ab"), ("widths", None),
        ("attributes", ["age"]), ("attributes", ["age", "age"]), ("counts", [2, 3]), ("counts", [1, 4]),
        ("values", ["f"]), ("values", 3),
    ],
)  # fmt: skip
def test_predictions_of_another_form_are_refused(key, value):
    (arrays, values), _ = with_predictions()
    with pytest.raises(BadAnswer):
        unpack(arrays, {**values, f"rows0/predictions/{key}": value}, LAYOUT, ASKED)


@pytest.mark.parametrize(
    ("place", "value"), [((0, 0), 0.5), ((0, 0), -1), ((0, 0), np.nan), ((1, 1), np.inf), ((2, 6), 7), ((2, 6), 0.5)]
)
def test_predictions_for_rows_that_cannot_be_are_refused(place, value):
    (arrays, values), _ = with_predictions()
    changed = arrays["rows0/predictions"].copy()
    changed[place] = value
    with pytest.raises(BadAnswer):
        unpack({**arrays, "rows0/predictions": changed}, values, LAYOUT, ASKED)
    with pytest.raises(BadAnswer, match="has predictions float64"):
        unpack({**arrays, "rows0/predictions": changed[:2]}, values, LAYOUT, ASKED)


def test_a_loss_beyond_what_can_be_summed_is_infinite():
    arrays, values = honest()
    read = unpack({**arrays, **table(loss3=1.5e308)}, values, LAYOUT, ASKED)
    assert read.rows[0].loss[0, 1] == np.inf
    assert np.isfinite(read.rows[0].loss[1]).all()


@given(st.sampled_from([np.float32, np.float64, np.int64, np.uint64]), st.lists(st.integers(0, 4), max_size=3))
def test_arrays_are_those_that_were_sent(dtype, shape):
    array = np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
    for sent in (array, np.asfortranarray(array)):
        assert bytes_of(sent) == saved(sent)
        found = array_of(saved(sent))
        np.testing.assert_array_equal(found, array)
        assert found.dtype == dtype
        assert found.flags.writeable


def header(text):
    """NumPy's format, version 1.0, with this header and no numbers."""
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x03\x00" + bytes(100),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }"),  # 80 TB
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (), }"),
        header("{'descr': '<U9', 'fortran_order': False, 'shape': (0,), }"),
        header("{'descr': '<c16', 'fortran_order': False, 'shape': (0,), }"),
        header("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (0,), }"),
        header("__import__('os')"),
        header("(" * 100),
        saved(np.ones(3))[:-1],
        saved(np.ones(3)) + b"\0",
    ],
    ids=range(13),
)
def test_bytes_that_are_no_array_of_numbers_are_refused(data):
    with pytest.raises(BadAnswer):
        array_of(data)


@given(st.binary(max_size=200))
def test_no_bytes_are_an_accident(data):
    for sent in (data, b"\x93NUMPY\x01\x00" + data, saved(np.ones(2))[: -len(data) or None] + data):
        try:
            found = array_of(sent)
        except BadAnswer:
            continue
        assert found.nbytes <= len(sent)
