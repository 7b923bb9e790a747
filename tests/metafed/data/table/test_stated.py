"""What a description may state: it is not fitted then, and one that states all gives the bits of one that was."""

import re
from pathlib import Path

import numpy as np
import pytest

from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.table.source import Own
from metafed.data.table.stated import lacking
from metafed.data.table.statement import statement
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from simulation.data.command import main
from tests.metafed.data.table.own import PLAIN, STATED, alike, describe, everyone, rows, source

MINUTES = PLAIN.replace('"stars"', '"minutes"').replace('"minutes", ', "")
BOTH = PLAIN.replace('"stars"', '["stars", "minutes"]').replace('"minutes", "genre"', '"genre"')


@pytest.mark.parametrize("text", [PLAIN, MINUTES, BOTH, PLAIN + 'text = "review"\n[shots]\nsupport = 3\n'])
def test_with_everything_stated_nothing_is_fitted_and_the_bits_stay(tmp_path, text):
    path = describe(tmp_path, text, [{**row, "review": f"{row['genre']} {row['stars']}"} for row in rows()])
    before = source(path)
    reported = statement(before)
    after = source(describe(tmp_path, reported, name="stated.toml"))
    assert not lacking(after.description, after.kind)
    assert (after.kind, after.shots, after.columns) == (before.kind, before.shots, before.columns)
    left, right = everyone(before), everyone(after)
    assert left.keys() == right.keys()
    assert all(alike(left[name], right[name]) for name in left)
    assert not any("fitted" in note for note in after.notes)
    assert statement(after) == reported
    # and the server, which has no table, knows the network
    (tmp_path / "server").mkdir()
    task = f"people:{describe(tmp_path / 'server', reported)}"
    theirs = Federation(Experiment(tasks=task, clients=12)).initial
    ours = Federation(Experiment(tasks=f"people:{path}", clients=12)).initial
    assert {name: tensor.shape for name, tensor in theirs.items()} == {n: t.shape for n, t in ours.items()}


@pytest.mark.parametrize("labels", [[1, 2, 10], [0.5, 1.5], [True, False], ["no", "yes", "ünsure"], ["01", "02"]])
def test_classes_are_stated_as_they_are_in_the_table(tmp_path, labels):
    table = [{**row, "stars": labels[row["stars"] % len(labels)]} for row in rows()]
    table = [{**row, "stars": str(row["stars"]).lower()} for row in table] if labels[0] is True else table
    before = source(describe(tmp_path, PLAIN + 'kind = "classification"\n', table))
    after = source(describe(tmp_path, statement(before), name="stated.toml"))
    assert after.labels == before.labels == tuple(sorted(before.labels))
    left, right = everyone(before), everyone(after)
    assert all(alike(left[name], right[name]) for name in left)


def test_a_category_may_be_hashed_at_once(tmp_path):
    table = [{**row, "game": f"g{number % 70}"} for number, row in enumerate(rows(20))]
    fitted = source(describe(tmp_path, PLAIN.replace('"genre"', '"genre", "game"'), table))
    assert 'game = "hashed"' in statement(fitted).splitlines()
    stated = source(describe(tmp_path, statement(fitted), name="stated.toml"))
    assert all(alike(fitted.examples(client), stated.examples(client)) for client in range(20))


def test_an_image_has_one_scale_that_may_be_stated(tmp_path):
    rng = stream(0, "tests/images")
    pixels = rng.integers(0, 256, (400, 1, 16, 16)).astype(np.uint8)
    np.savez(tmp_path / "i.npz", who=np.arange(400) % 10, y=rng.integers(0, 3, 400), pixels=pixels)
    text = 'data = "i.npz"\nclient = "who"\ntarget = "y"\nfeatures = "pixels"\nimage = [1, 16, 16]\n'
    before = source(describe(tmp_path, text))
    after = source(describe(tmp_path, statement(before), name="stated.toml"))
    assert not lacking(after.description, after.kind)
    assert after.columns == (("pixels", 256),)
    assert all(alike(before.examples(client), after.examples(client)) for client in range(10))
    wrong = statement(before).replace("[1, 16, 16]", "[1, 16, 15]")
    with pytest.raises(DataError, match=r"256 a row, which are not the 240 of the image"):
        _ = source(describe(tmp_path, wrong, name="wrong.toml")).clients
    plain = source(describe(tmp_path, text.replace("image = [1, 16, 16]\n", ""), name="plain.toml"))
    with pytest.raises(DataError, match="'pixels' has several numbers a row, whose scales cannot be stated"):
        statement(plain)


def test_a_targets_scale_is_what_the_description_says(tmp_path):
    made = source(describe(tmp_path, MINUTES + "scale = [10, 4]\n", rows()))
    assert (made.kind, made.outputs) == ("regression", 1)
    mine = [row["minutes"] for row in rows() if row["person"] == made.called(2)]
    np.testing.assert_allclose(made.examples(2).y[:, 0], (np.array(mine) - 10) / 4, rtol=1e-6)
    assert "regression of minutes, in the unit that the description states, as losses are then" in made.notes
    preflight(Federation(Experiment(tasks=f"minutes:{tmp_path / 'people.toml'}", clients=12)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("scale = [10, 0]", r"scale: \[10, 0\]: \[mean, unit\] of the target, the unit greater than 0"),
        ("scale = [nan, 1]", "unit greater than 0"),
        ("scale = [1, inf]", "unit greater than 0"),
        (f"scale = [1, 1{'0' * 400}]", "unit greater than 0"),
        ("scale = 4", "unit greater than 0"),
        ("scale = [true, 1]", "unit greater than 0"),
        ("scale = [[1, 2], [3, 4]]", "scale has 2 pairs of mean and unit for 1 targets"),
        ('scale = [1, 2]\nkind = "classification"', "scale is for regression; classes have none"),
        ("scale = [1, 2]\nclasses = [1, 2]", "scale is for regression; classes have none"),
        ("[features]\nage = [nan, 1]", "mean and unit, which is greater than 0"),
    ],
)
def test_a_scale_that_is_none_is_refused(tmp_path, more, message):
    text = MINUTES + more + "\n"
    if "[features]" in more:
        text = text.replace('features = ["age", "genre"]\n', "")
    with pytest.raises(DataError, match=message):
        source(describe(tmp_path, text, rows()))


def test_a_family_of_classes_has_no_scale(tmp_path):
    from metafed.families import FAMILIES

    path = describe(tmp_path, MINUTES + "scale = [10, 4]\n", rows())
    with pytest.raises(DataError, match="scale is for regression, but kind is classification, as of the family assist"):
        source(path, name="assistant", like=FAMILIES["assistant"])


def test_the_command_prints_a_description_that_states_all(tmp_path, capsys):
    path = describe(tmp_path, PLAIN, rows())
    assert main(["describe", f"people:{path}", "--stated"]) == 0
    reported = capsys.readouterr().out
    made = source(describe(tmp_path, reported, name="stated.toml"))
    assert isinstance(made, Own)
    assert lacking(made.description, made.kind) == []
    assert main(["describe", "avatar", "--stated"]) == 2
    assert "--stated is for data of your own" in capsys.readouterr().err
    assert main(["describe", f"people:{path}", "--stated", "--out", str(tmp_path / "x.svg")]) == 2
    assert "does nothing with --stated" in capsys.readouterr().err


def test_the_description_that_the_guide_to_deployment_shows_states_all(tmp_path):
    guide = (Path(__file__).resolve().parents[4] / "docs" / "deployment.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    made = source(describe(tmp_path, text))
    assert lacking(made.description, made.kind) == []
    assert (made.kind, made.features, made.outputs) == ("classification", 1 + 1 + 5, 5)


def test_what_is_stated_is_not_lacking(tmp_path):
    assert lacking(source(describe(tmp_path, STATED, rows())).description, "classification") == []
    assert len(lacking(source(describe(tmp_path, PLAIN, rows(), "plain.toml")).description, "classification")) == 4
