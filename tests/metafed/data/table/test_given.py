"""Rows given in Python enter where those of a file do, and what is wrong with them is answered by one message."""

import datetime as dt
import io
import pickle
import re
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import metafed as mf
from metafed.core import session
from metafed.core.errors import DataError
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight

NUMBERS = {"client": "user", "target": "stars", "features": ["age", "genre"]}


def frame(**columns):
    """Return a table of 12 clients with 10 rows each."""
    rng = np.random.default_rng(0)
    users = np.repeat([f"u{number}" for number in range(12)], 10)
    return pl.DataFrame(
        {
            "user": users,
            "age": rng.integers(14, 70, 120),
            "genre": rng.choice(["puzzle", "music"], 120),
            "headset": ["tethered" if int(user[1:]) % 2 else "standalone" for user in users],
            "stars": rng.integers(1, 4, 120),
            **columns,
        }
    )


def checked(family, **settings):
    """Return the federation of a family that a run would begin with."""
    made = Federation(mf.Experiment(families=[family], clients=8, **settings))
    preflight(made)
    return made


def test_a_frame_is_the_table_of_its_csv(tmp_path):
    frame().write_csv(tmp_path / "games.csv")
    (tmp_path / "games.toml").write_text(
        'data = "games.csv"\nclient = "user"\ntarget = "stars"\nfeatures = ["age", "genre"]\ngroup = "headset"\n'
    )
    ours = checked(mf.Family.from_frame("games", frame(), **NUMBERS, group="headset"))
    theirs = checked(mf.Family.from_file(tmp_path / "games.toml"))
    assert ours.sources[0].notes == theirs.sources[0].notes
    for client in range(8):
        one, other = (made.population.split(client).own for made in (ours, theirs))
        assert np.array_equal(one.x, other.x)
        assert np.array_equal(one.y, other.y)
        assert one.group == other.group
        assert ours.called(client) == theirs.called(client)
    assert ours.sources[0].files == ()


def test_the_same_rows_have_the_same_name_and_others_another():
    one, same = (mf.Family.from_frame("games", frame(), **NUMBERS) for _ in range(2))
    other = mf.Family.from_frame("games", frame(age=np.arange(120)), **NUMBERS)
    (first,), (second,), (third,) = (family.sources for family in (one, same, other))
    assert first == second != third
    assert mf.Experiment(families=[one, "avatar"]).tasks == f"games:{first},avatar"


def test_what_another_process_does_not_have_is_said(monkeypatch):
    family = mf.Family.from_frame("games", frame(), **NUMBERS)
    settings = mf.Experiment(families=[family]).to_run_config()
    monkeypatch.setattr(session, "_KNOWN", {})
    with pytest.raises(ValueError, match="these rows were given in Python, and this process does not have them"):
        mf.Experiment.from_run_config(settings)


def test_what_an_experiment_names_travels():
    family = mf.Family.from_frame("games", frame(), **NUMBERS)
    things = pickle.loads(pickle.dumps(session.named(mf.Experiment(families=[family]).to_run_config().values())))
    (given,) = things.values()
    assert given.frame.equals(frame())
    assert given.description.path.name == "Family.from_frame('games')"


def test_arrays_by_client_and_in_one_are_one_family():
    rng = np.random.default_rng(1)
    people = {f"p{n}": (rng.normal(size=(9, 4)), rng.integers(0, 2, 9)) for n in range(10)}
    x, y = (np.concatenate([own[part] for own in people.values()]) for part in (0, 1))
    one = checked(mf.Family.from_arrays("taps", people))
    other = checked(mf.Family.from_arrays("taps", (torch.tensor(x), y, np.repeat(list(people), 9))))
    for client in range(8):
        assert np.array_equal(one.population.split(client).own.x, other.population.split(client).own.x)
    assert one.called(0) in people
    assert one.sources[0].features == 4
    numbers = {name: (x, rng.normal(size=(9, 2))) for name, (x, _) in people.items()}
    real = checked(mf.Family.from_arrays("taps", numbers))
    assert (real.choices[0].kind, real.sources[0].outputs) == ("regression", 2)


def test_a_torch_data_set_is_dealt_to_clients():
    rng = torch.Generator().manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.rand(400, 1, 16, 16, generator=rng), torch.arange(400) % 4)
    family = mf.Family.from_torch("shapes", data, partition=mf.EqualDirichlet(clients=10, alpha=1), image=(1, 16, 16))
    made = checked(family)
    assert made.choices[0].family.network == "conv4"
    assert made.sources[0].features == 256
    assert any("Hsu et al. 2019" in note for note in made.sources[0].notes)
    named = checked(mf.Family.from_torch("shapes", data, client=[f"c{n % 9}" for n in range(400)]))
    assert named.called(0).startswith("c")


def test_moments_categoricals_and_decimals_are_read():
    moments = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=n) for n in range(120)]
    columns = frame(
        when=pl.Series(moments, dtype=pl.Datetime("us", "Asia/Tokyo")),
        price=pl.Series([Decimal(n) / 8 for n in range(120)]),
        genre=pl.Series(["puzzle", "music"] * 60, dtype=pl.Categorical),
        many=pl.Series([2**63 + n for n in range(120)], dtype=pl.UInt64),
    )
    keys = {**NUMBERS, "features": ["price", "genre", "many"], "time": "when"}
    made = checked(mf.Family.from_frame("games", columns, **keys))
    assert dict(made.sources[0].columns) == {"price": 1, "genre": 3, "many": 1}
    own = made.population.split(0).own
    assert (np.diff(np.asarray(own.time)) > 0).all()


def png(size):
    made = io.BytesIO()
    Image.new("RGB", size).save(made, "PNG")
    return made.getvalue()


def test_an_image_of_another_size_is_named_by_its_row_in_the_frame():
    cells = {"user": [f"u{n % 4}" for n in range(40)], "stars": [n % 3 for n in range(40)]}
    pictures = pl.DataFrame({**cells, "face": [png((9, 8) if n == 17 else (8, 8)) for n in range(40)]})
    for keys in ({"client": "user"}, {"partition": mf.Iid(clients=4)}):
        family = mf.Family.from_frame("faces", pictures, target="stars", features=["face"], **keys)
        with pytest.raises(DataError, match=r"column 'face', row 17.*: the image is 8 × 9 with 3 channels, the first"):
            preflight(Federation(mf.Experiment(families=[family], clients=4)))


class Bad:
    """A data set with a fault in one item."""

    def __init__(self, shape=(4,), error=None):
        self.shape, self.error = shape, error

    def __len__(self):
        return 30

    def __getitem__(self, number):
        if number == 17 and self.error:
            raise self.error
        return np.zeros(self.shape if number == 17 else (4,)), number % 2


def spoilt(name, values):
    return lambda: mf.Family.from_frame("games", frame(**{name: values}), **NUMBERS)


def games(**keys):
    return lambda: mf.Family.from_frame("games", frame(), **{**NUMBERS, **keys})


def taps(arrays):
    return lambda: mf.Family.from_arrays("taps", arrays)


def items(*bad, client=30):
    return lambda: mf.Family.from_torch("taps", Bad(*bad), client=[0] * client)


def cells(name, values):
    """Return a family of Python's own values in one column."""
    return lambda: mf.Family.from_frame("games", {**frame().to_dict(as_series=False), name: values}, **NUMBERS)


X, Y = np.zeros((3, 2)), np.zeros(3)
MISTAKES = [
    (lambda: mf.Family.from_frame("games", [1, 2], **NUMBERS), "got list; give a frame of polars or pandas"),
    (lambda: mf.Family.from_frame("games", frame().clear(), **NUMBERS), "the table of 'games' has no rows"),
    (lambda: mf.Family.from_frame("Games", frame(), **NUMBERS), "'Games' cannot name a family"),
    (games(target="star"), "the target in Family.from_frame('games'); did you mean 'stars'? (it has user, age,"),
    (games(groop="headset"), "unknown key 'groop'; did you mean 'group'?"),
    (games(client=None), "name the column of the client"),
    (spoilt("age", pl.Series([None] * 120)), "column 'age' has no value in any row: fill it, or leave it out"),
    (
        spoilt("age", pl.Series([{"years": n} for n in range(120)])),
        "column 'age' holds structs of years: make columns of them, frame.unnest('age')",
    ),
    (spoilt("age", pl.Series([object()] * 120, dtype=pl.Object)), "column 'age' holds Object values"),
    (
        spoilt("stars", pl.Series([0.5] * 119 + [float("nan")])),
        "the table of 'games': client 'u11' has a target, 'stars', that is no finite number: leave the row out",
    ),
    (
        spoilt("stars", pl.Series(["a", None] + ["b"] * 118)),
        "column 'stars' has no value in 1 of 120 rows (such as one of client 'u0')",
    ),
    (spoilt("user", pl.Series([f"x{n}" for n in range(120)])), "no client has 4 rows"),
    (
        lambda: mf.Family.from_frame("games", frame(user=pl.Series([None, *["a"] * 119])), **NUMBERS),
        "column 'user' has no value in 1 of 120 rows: leave these rows out, or fill them",
    ),
    (
        cells("age", [1, "a"] * 60),
        "column 'age' holds values of several types: int in row 0 (1), str in row 1 ('a'); make them of one type",
    ),
    (cells("age", [2**200] * 120), "column 'age' holds values that are too large"),
    (
        lambda: mf.Family.from_frame("games", {"a": [1, 2], "b": [1]}, **NUMBERS),
        "arrays differ in length: a 2, b 1",
    ),
    (taps({}), "there are no clients"),
    (taps({"a": Y}), "client 'a' has ndarray; give (x, y)"),
    (taps({"a": (X, np.zeros(4))}), "client 'a' has 3 rows of x, 4 rows of y"),
    (
        taps({"a": (X, Y), "b": (np.zeros((3, 5)), Y)}),
        "rows of client 'a' have the shapes {'x': (2,)}, of 'b' {'x': (5,)}",
    ),
    (taps(Y), "got ndarray; give {client: (x, y)}"),
    (items((4,), OSError("truncated")), "item 17 of the data set cannot be read: OSError: truncated"),
    (items((5,)), "item 17 has the shape [5], item 0 [4]: bring all to one shape"),
    (items(client=29), "arrays differ in length"),
    (
        spoilt("age", [[1.0] * (1 + n % 3) for n in range(120)]),
        "column 'age', a feature, holds lists of several lengths, which is neither number, category nor text",
    ),
    (
        spoilt("age", [[[1.0, 2.0]] * 2 for _ in range(120)]),
        'make it a list of numbers a row, or leave it out; of a sequence, [features] age = "sequence"',
    ),
    (
        spoilt("age", [png((8, 8))[: 45 if n % 10 == 7 else None] for n in range(120)]),
        "column 'age': the image is damaged, leave the row out: image file is truncated (a row of client 'u",
    ),
]


@pytest.mark.parametrize(("make", "text"), MISTAKES, ids=[text[:40] for _, text in MISTAKES])
def test_bad_input_is_one_message_with_its_place_and_a_way_out(make, text):
    with pytest.raises(mf.DataError, match=re.escape(text)) as answer:
        checked(make())
    assert "\n" not in str(answer.value)


def test_clients_of_too_few_rows_are_named():
    users = [f"u{number // 10}" for number in range(119)] + ["lone"]
    made = checked(mf.Family.from_frame("games", frame(user=users), **NUMBERS))
    assert any("1 of 13 clients skipped, with fewer than 4 rows: lone" in note for note in made.sources[0].notes)


def test_a_frame_of_pandas_is_that_of_polars(pandas):
    ours = {name: list(values) for name, values in frame().to_dict(as_series=False).items()}
    theirs = pandas.DataFrame(ours).astype({"genre": "category"})
    one, other = (checked(mf.Family.from_frame("games", each, **NUMBERS)) for each in (frame(), theirs))
    for client in range(8):
        assert np.array_equal(one.population.split(client).own.x, other.population.split(client).own.x)


def test_a_client_in_the_index_of_pandas_has_its_way_out(pandas):
    ours = pandas.DataFrame(frame().to_dict(as_series=False))
    for index in (["user"], ["user", "headset"]):
        with pytest.raises(mf.DataError, match=r"'user' is in the frame's index.*: give frame.reset_index\(\)"):
            mf.Family.from_frame("games", ours.set_index(index), **NUMBERS)
    assert mf.Family.from_frame("games", ours.set_index("headset"), **NUMBERS)  # one that nobody asked for


def test_columns_of_one_name_are_refused(pandas):
    twice = pandas.DataFrame([[1, 2]], columns=["age", "age"])
    with pytest.raises(mf.DataError, match="2 columns are called 'age': give each a name of its own"):
        mf.Family.from_frame("games", twice, **NUMBERS)


def test_values_of_several_types_are_refused(pandas):
    mixed = pandas.DataFrame({**frame().to_dict(as_series=False), "age": [1, "a"] * 60})
    with pytest.raises(mf.DataError, match="column 'age' holds values of several types"):
        mf.Family.from_frame("games", mixed, **NUMBERS)


def test_moments_of_a_zone_and_missing_numbers_are_read(pandas):
    columns = pandas.DataFrame(frame().to_dict(as_series=False))
    columns["when"] = pandas.date_range("2024-01-01", periods=120, freq="h", tz="Asia/Tokyo")
    columns["age"] = pandas.array([None, *range(119)], dtype="Int64")
    made = checked(mf.Family.from_frame("games", columns, **NUMBERS, time="when", missing="mean"))
    assert made.sources[0].features == 4


def test_what_a_numpy_array_masks_is_missing():
    masked = np.ma.masked_array(np.arange(120.0), mask=np.arange(120) == 7)
    columns = {**frame().to_dict(as_series=False), "age": masked}
    with pytest.raises(DataError, match="'age' has no finite number in 1 of 120 rows"):
        _ = checked(mf.Family.from_frame("games", columns, **NUMBERS)).sources[0].clients


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (np.float64(3), "column 'age' is one value, 3.0, not one for each row"),
        ("old", "column 'age' is one value, 'old', not one for each row"),
        ([[1], [2, 3]] * 60, "column 'age'"),
    ],
)
def test_what_is_no_column_is_named(age, said):
    with pytest.raises(DataError, match=said):
        _ = (
            checked(mf.Family.from_frame("games", {**frame().to_dict(as_series=False), "age": age}, **NUMBERS))
            .sources[0]
            .clients
        )


def test_numpy_times_of_any_resolution_are_times():
    made = {}
    for unit in ("s", "us"):
        when = np.datetime64("2024-01-01", unit) + np.arange(120) * np.timedelta64(3600, "s").astype(f"m8[{unit}]")
        columns = {**frame().to_dict(as_series=False), "when": when}
        made[unit] = checked(mf.Family.from_frame("games", columns, **NUMBERS, time="when"))
    one, other = (fed.population.split(0).own.time for fed in made.values())
    assert np.array_equal(one, other)


ROWS = np.ones((6, 2)), np.arange(6) % 2


class Unindexed:
    """A data set without length."""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: mf.Family.from_arrays("a", {"p": ROWS, "q": (np.ones(3), 1)}),
            "client 'q' has one value as y, not one",
        ),
        (lambda: mf.Family.from_arrays("a", {"p": (1.0, [1])}), "client 'p' has one value as x.*write .x. and .y."),
        (lambda: mf.Family.from_torch("a", Unindexed()), "Unindexed has no length or cannot be indexed"),
        (lambda: mf.Family.from_torch("a", [{"x": 1, "y": 2}]), "item 0 .* it is a mapping of x, y, and"),
        (
            lambda: checked(mf.Family.from_frame("a", frame().head(0).to_pandas(), **NUMBERS)).sources[0].clients,
            "has no rows",
        ),
        (
            lambda: (
                checked(mf.Family.from_frame("a", frame().with_columns(user=pl.int_range(pl.len())), **NUMBERS))
                .sources[0]
                .clients
            ),
            "no client has 4 rows, which is the least: name another column as client, or share out",
        ),
    ],
)
def test_what_cannot_be_used_is_one_message_with_the_way_out(make, said):
    with pytest.raises(DataError, match=said):
        make()


def hot(**keys):
    y = np.eye(3)[np.arange(120) % 3]
    x, client = np.arange(240.0).reshape(120, 2), np.arange(120) % 12
    return {
        "float": lambda: mf.Family.from_arrays("games", (x, y, client), **keys),
        "integer": lambda: mf.Family.from_arrays("games", (x, y.astype(int), client), **keys),
        "by client": lambda: mf.Family.from_arrays("games", dict.fromkeys(range(12), (x[:10], y[:10])), **keys),
        "items": lambda: mf.Family.from_torch("games", list(zip(x, y, strict=True)), client=list(client), **keys),
        "columns": lambda: mf.Family.from_frame(
            "games",
            {"x": x, "u": client, "a": y[:, 0], "b": y[:, 1] + y[:, 2]},
            client="u",
            features=["x"],
            target=["a", "b"],
            **keys,
        ),
    }


@pytest.mark.parametrize("way", hot())
def test_classes_that_are_written_one_hot_are_no_regression_unless_that_is_said(way):
    with pytest.raises(mf.DataError, match=r"one-hot: give one column with the class.*y.argmax\(1\)") as caught:
        hot()[way]()
    assert 'kind = "regression"' in str(caught.value)
    assert hot(kind="regression")[way]().kind == "regression"


def test_several_numbers_of_a_row_are_a_regression_as_before():
    x, y, client = np.arange(240.0).reshape(120, 2), np.eye(3)[np.arange(120) % 3], np.arange(120) % 12
    y[7] = [1, 1, 0]
    assert mf.Family.from_arrays("games", (x, y, client)).kind == "regression"
