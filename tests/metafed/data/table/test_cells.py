"""Columns of images, sequences, characters and embeddings."""

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

import metafed as mf
from metafed.data.sequence import TOKENS, tokens
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.models import Inputs

ROLES = {"client": "user", "target": "mood"}


def people(**columns):
    """Return six clients with ten rows each."""
    return pl.DataFrame(
        {
            "user": np.repeat([f"u{number}" for number in range(6)], 10),
            "mood": ["calm", "wild"] * 30,
            **columns,
        }
    )


def checked(family, **settings):
    """Return the federation that a run would begin with."""
    made = Federation(mf.Experiment(families=[family], clients=5, unseen=0.0, network="mlp", **settings))
    preflight(made)
    return made


def image(shape=(5, 4, 3), kind="PNG", seed=0):
    """Return an image and its bytes."""
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return array, file.getvalue()


def rows_of(made, client=0):
    """Return a client's rows, in the order of the table, and where they stand in it."""
    return made.population.split(client).own, int(made.called(client)[1:]) * 10


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_as_bytes_and_as_paths_are_their_pixels(tmp_path, kind):
    found = [image(kind=kind, seed=seed) for seed in range(60)]
    (tmp_path / "photos").mkdir()
    for number, (_, data) in enumerate(found):
        (tmp_path / "photos" / f"{number}").write_bytes(data)
    people(photo=[data for _, data in found]).write_parquet(tmp_path / "b.parquet")
    people(photo=[f"photos/{number}" for number in range(60)]).write_csv(tmp_path / "p.csv")
    text = 'client = "user"\ntarget = "mood"\nimage = [3, 5, 4]\n'
    (tmp_path / "b.toml").write_text(f'data = "b.parquet"\nfeatures = ["photo"]\n{text}')
    (tmp_path / "p.toml").write_text(f'data = "p.csv"\n{text}[features]\nphoto = "image"\n')
    made = [checked(mf.Family.from_file(tmp_path / f"{name}.toml", "photos")) for name in "bp"]
    own, start = rows_of(made[0])
    assert np.array_equal(own.x, rows_of(made[1])[0].x)
    if kind == "PNG":  # JPEG loses
        pixels = np.stack([array.transpose(2, 0, 1).ravel() for array, _ in found]).astype(float)
        column = made[0].sources[0].encoders[0]
        assert np.allclose(own.x, (pixels[start : start + 10] - column.mean[0]) / column.unit[0], atol=1e-5)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (image((5, 4, 4))[1], r"row 7 \(client 'u0'\): the image has the mode RGBA \(with an alpha channel\)"),
        (image((6, 4, 3))[1], "row 7.*: the image is 6 × 4 with 3 channels, the first one 5 × 4 with 3 channels"),
        (image((5, 4))[1], "5 × 4 with 1 channel, the first one 5 × 4 with 3 channels"),
        (b"no image", "row 7.*is no image: PNG and JPEG files are read"),
        (None, "row 7.*has no image: leave the row out"),
    ],
)
def test_an_image_that_is_unlike_the_first_is_named(odd, message):
    found = [image(seed=seed)[1] for seed in range(60)]
    found[7] = odd
    family = mf.Family.from_frame("photos", people(photo=found), **ROLES, features=["photo"], image=[3, 5, 4])
    with pytest.raises(mf.DataError, match=message):
        checked(family)


def test_a_path_without_a_file_is_named():
    with pytest.raises(mf.DataError, match=r"there is no file none\.png"):
        mf.Family.from_frame("photos", people(photo=["none.png"] * 60), **ROLES, features={"photo": "image"})


def test_ragged_lists_are_padded_and_end_with_their_length():
    rng = np.random.default_rng(0)
    steps = [rng.normal(3, 2, rng.integers(1, 8)).tolist() for _ in range(60)]
    steps[0] = [1.0] * 7
    made = checked(mf.Family.from_frame("steps", people(steps=steps), **ROLES, features={"steps": "sequence"}))
    own, start = rows_of(made)
    assert own.x.shape == (10, 8)
    column = made.sources[0].encoders[0]
    for row, whole in enumerate(steps[start : start + 10]):
        assert own.x[row, -1] == len(whole)
        assert np.allclose(own.x[row, : len(whole)], (np.array(whole) - column.mean) / column.unit, atol=1e-5)
        assert not own.x[row, len(whole) : -1].any()
    assert "steps standardised (7 steps of 1 numbers" in " ".join(made.sources[0].notes)


def test_python_lists_of_several_lengths_are_sequences():
    steps = [[float(row)] * (1 + row % 3) for row in range(60)]
    columns = {**people().to_dict(as_series=False), "steps": steps}
    roles = {**ROLES, "features": {"steps": "sequence"}}
    ours = checked(mf.Family.from_frame("steps", columns, **roles))
    theirs = checked(mf.Family.from_frame("steps", people(steps=steps), **roles))
    assert np.array_equal(rows_of(ours)[0].x, rows_of(theirs)[0].x)


def test_steps_may_have_several_numbers():
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=(rng.integers(1, 5), 3)).tolist() for _ in range(60)]
    made = checked(mf.Family.from_frame("steps", people(steps=steps), **ROLES, features={"steps": "sequence"}))
    own, start = rows_of(made)
    longest = max(map(len, steps))
    assert own.x.shape == (10, 3 * longest + 1)
    assert own.x[:, -1].tolist() == [len(whole) for whole in steps[start : start + 10]]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ([1.0, float("nan")], r"column 'steps' has a number that is not finite in 1 of 60 rows.*client 'u0'"),
        ([], "column 'steps', a sequence, has an empty list in a row"),
        (None, "column 'steps', a sequence, has no value in a row"),
    ],
)
def test_a_sequence_that_cannot_be_used_is_named(odd, message):
    steps = [[1.0, 2.0, float(number)] for number in range(60)]
    steps[7] = odd
    with pytest.raises(mf.DataError, match=message):
        checked(mf.Family.from_frame("steps", people(steps=steps), **ROLES, features={"steps": "sequence"}))
    with pytest.raises(mf.DataError, match="holds lists of String"):
        mf.Family.from_frame("steps", people(steps=[["a"]] * 60), **ROLES, features={"steps": "sequence"})


def test_an_embedding_stays_as_it_is():
    vectors = np.random.default_rng(0).normal(5, 3, (60, 4)).astype(np.float32)
    frame = people(vector=vectors.tolist())
    made = checked(mf.Family.from_frame("vectors", frame, **ROLES, features={"vector": "embedding"}))
    own, start = rows_of(made)
    assert np.array_equal(own.x, vectors[start : start + 10])
    assert "features: vector as it is (4 numbers)" in made.sources[0].notes


WORDS = ["so", "calm", "a day", "the sea, it roars"]


def sequences(**column):
    """Return the first client's rows as sequences ``(n, *shape)``, their place in the table, and the source."""
    ((name, values),) = column.items()
    cell = {"text": "text", "letters": "characters"}.get(name, "sequence")
    family = mf.Family.from_frame("own", people(**column), **ROLES, features={name: cell})
    made = Federation(mf.Experiment(families=[family], clients=5, unseen=0.0, network="gru"))
    preflight(made)
    own, start = rows_of(made)
    source = made.sources[0]
    plain = checked(mf.Family.from_frame("own", people(**column), **ROLES, features={name: cell}))
    assert np.array_equal(own.y, rows_of(plain)[0].y)
    return own.x.reshape(len(own.x), *source.sequence.shape), values[start : start + 10], source


def test_texts_of_a_table_are_tokens_for_a_network_of_sequences():
    texts = [WORDS[number % 4] for number in range(59)] + ["word " * 40]
    x, own, source = sequences(text=texts)
    assert source.sequence == TOKENS
    np.testing.assert_array_equal(x, tokens(own))
    assert "1 of 60 texts have more than 32 words" in " ".join(source.notes)


def test_characters_of_a_table_are_tokens_for_a_network_of_sequences():
    letters = [("ab" * 4)[: 1 + number % 7] for number in range(60)]
    x, own, source = sequences(letters=letters)
    (length,) = source.sequence.shape
    assert source.sequence.vocabulary == 4  # padding, a, b and any other
    for row, text in zip(x, own, strict=True):
        ids = [1 + "ab".index(letter) for letter in text]
        assert row.tolist() == [0] * (length - len(ids)) + ids


def test_lists_of_a_table_are_moments_for_a_network_of_sequences():
    rng = np.random.default_rng(0)
    steps = [rng.normal(3, 2, (rng.integers(1, 5), 2)).tolist() for _ in range(59)] + [[[0.0, 1.0]] * 5]
    x, own, source = sequences(steps=steps)
    assert source.sequence == Inputs("sequence", (5, 3), masked=True)
    column = source.encoders[0]
    for row, whole in zip(x, own, strict=True):
        scaled = (np.array(whole) - column.mean) / column.unit
        np.testing.assert_allclose(row[5 - len(whole) :, :2], scaled, atol=1e-5)
        assert row[:, 2].tolist() == [0] * (5 - len(whole)) + [1] * len(whole)
        assert not row[: 5 - len(whole)].any()


def test_a_table_of_several_columns_has_no_sequences():
    family = mf.Family.from_frame("own", people(text=["a"] * 60, age=range(60)), **ROLES, features=["age"], text="text")
    with pytest.raises(mf.DataError, match=r"wants sequences.*a table does whose one column for the model"):
        preflight(Federation(mf.Experiment(families=[family], clients=5, unseen=0.0, network="gru")))


@pytest.mark.parametrize(
    "column",
    [
        [10**30] * 120,
        [2**62 + row for row in range(120)],
        [1_700_000_000_000_000_000 + 1_000_000 * row for row in range(120)],
    ],
)
def test_huge_numbers_that_hardly_vary_are_no_huge_features(column):
    arrays = ({"h": np.array(column, object)}, np.arange(120) % 3, np.arange(120) // 12)
    made = Federation(mf.Experiment(families=[mf.Family.from_arrays("a", arrays)], clients=10, precision="float64"))
    assert max(abs(made.population.split(client).own.x).max() for client in range(10)) < 3
