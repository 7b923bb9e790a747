"""Attributes of rows: columns by which fairness is measured, which the model does not see unless they are named."""

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.files import kept
from simulation import simulate
from tests.metafed.data.table.own import PLAIN, describe, rows, source

NAMED = PLAIN.replace('group = "headset"', 'attribute = ["genre", "mood"]').replace(', "genre"]', "]")


def table():
    """People's rows, each with a mood; some have none."""
    rng = stream(0, "tests/attributes")
    return [{**row, "mood": ("good", "bad", "007", "")[int(rng.integers(4))]} for row in rows()]


def test_they_come_with_the_rows_and_are_no_features(tmp_path):
    own, made = table(), source(describe(tmp_path, NAMED, table()))
    assert made.clients == 12
    assert made.attributes == ("genre", "mood")
    assert [name for name, _ in made.columns] == ["age", "minutes"]
    assert any("attributes of rows: 'genre' (no feature), 'mood' (no feature)" in note for note in made.notes)
    for client in range(made.clients):
        person = [row for row in own if row["person"] == made.called(client)]
        expected = [[row["genre"], row["mood"]] for row in person]
        assert made.examples(client).attributes.tolist() == expected


def test_a_pattern_leaves_them_out_and_a_name_does_not(tmp_path):
    text = NAMED.replace('features = ["age", "minutes"]', 'features = ["g*", "minutes", "m*"]')
    with pytest.raises(DataError, match="has no column like 'g\\*'"):
        _ = source(describe(tmp_path, text, table())).columns
    text = NAMED.replace('features = ["age", "minutes"]', 'features = ["genre", "m*"]')
    made = source(describe(tmp_path, text, table()))
    assert [name for name, _ in made.columns] == ["genre", "minutes"]
    assert any("'genre' (a feature, too), 'mood' (no feature)" in note for note in made.notes)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("classification", "measured with --keep-predictions"), ("regression", "of classes only, and these targets are")],
)
def test_what_it_takes_to_measure_by_them_is_said(tmp_path, kind, said):
    made = source(describe(tmp_path, f'kind = "{kind}"\n{NAMED}', table()))
    assert any(note.startswith("attributes of rows: ") and said in note for note in made.notes)


def test_a_number_can_be_a_feature_and_an_attribute(tmp_path):
    text = PLAIN.replace('group = "headset"', 'attribute = "young"').replace('"age"', '"young"')
    made = source(describe(tmp_path, text, [{**row, "young": int(row["age"] < 30)} for row in rows()]))
    assert made.clients == 12
    assert set(made.examples(0).attributes.ravel()) <= {"0", "1"}


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ('"moood"', "no column 'moood', the attribute in .*did you mean 'mood'"),
        ('"minutes"', "an attribute, holds number: fairness is between rows of a few values"),
        ('"text"', " different values; 20 are possible: put values together"),
        ('"person"', "is an attribute and the client"),
        ('"stars"', "is an attribute and the target"),
        ('["mood", "mood"]', "column 'mood' is named twice"),
        ('"long"', "has a value of 100 characters; 80 are possible"),
    ],
)
def test_what_no_rows_can_be_grouped_by_is_refused(tmp_path, attribute, words):
    text = NAMED.replace('["genre", "mood"]', attribute).replace('features = ["age", "minutes"]', 'features = ["age"]')
    own = [{**row, "text": f"t{number}", "long": "l" * 100} for number, row in enumerate(table())]
    frame = pl.DataFrame(own)
    if attribute == '"minutes"':  # a text file has texts
        frame.write_parquet(tmp_path / "people.parquet")
        text = text.replace("people.csv", "people.parquet")
    with pytest.raises(DataError, match=words):
        _ = source(describe(tmp_path, text, own)).clients


def test_rows_that_are_kept_on_disk_keep_them(tmp_path):
    own = source(describe(tmp_path, NAMED, table())).examples(3)
    kept.write(tmp_path / "3.npz", own)
    np.testing.assert_array_equal(kept.read(tmp_path / "3.npz").attributes, own.attributes)


def test_predictions_of_a_frame_have_the_attributes_of_their_rows():
    frame = pl.DataFrame(table()).with_columns(mood=pl.col("mood").replace("", None), liked=pl.col("stars") > 3)
    people = mf.Family.from_frame(
        "people", frame, client="person", target="liked", features=["age", "minutes"], attribute="mood"
    )
    experiment = mf.Experiment(families=[people], rounds=1, width=4, unseen=0.25, eval_every=0, keep_predictions=True)
    run = simulate(experiment, engine="local", progress=False)
    found = run.predictions
    assert found.columns[-1] == "attribute.mood"
    for (name,), own in found.group_by("name"):
        rows_of = frame.filter(pl.col("person") == name)
        place = own["row"].to_numpy()
        assert own["attribute.mood"].to_list() == rows_of["mood"][place].to_list()
        assert own["target"].to_list() == rows_of["liked"][place].cast(pl.Int32).to_list()
    entries = {entry["part"]: entry for entry in run.summary.attributes}
    assert set(entries) == {"seen", "unseen"}
    once = found.filter(pl.col("adapted"), part="seen", round=1)
    counts = dict(once["attribute.mood"].drop_nulls().value_counts().iter_rows())
    assert entries["seen"]["values"] == counts
    assert entries["seen"]["missing"] == once["attribute.mood"].null_count() > 0
    single = pl.read_parquet(run.folder / "attributes.parquet")
    assert set(single["name"]) == set(frame["person"])
    assert single.filter(pl.col("accuracy").is_null())["why"].null_count() == 0
