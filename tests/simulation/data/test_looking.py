"""check and describe say of a family from Python what the commands say of the same table."""

import re

import numpy as np
import pytest

import metafed as mf
from simulation import BadInput, check, describe
from simulation.data.command import main
from tests.metafed.data.table import own


@pytest.mark.parametrize(("command", "function"), [("check", check), ("describe", describe)])
def test_a_family_of_a_file_gives_the_text_of_the_command(tmp_path, capsys, command, function):
    path = own.describe(tmp_path, table=own.rows(40))
    assert main([command, f"people:{path}"]) == 0
    assert function(mf.Family.from_file(path, "people")) == capsys.readouterr().out.rstrip("\n")


def test_a_frame_is_looked_at_as_its_file_is(tmp_path):
    path = own.describe(tmp_path, table=own.rows(40))
    table = {name: [row[name] for row in own.rows(40)] for name in own.rows(40)[0]}
    features, roles = ["age", "minutes", "genre"], {"client": "person", "target": "stars", "group": "headset"}
    given = mf.Family.from_frame("people", table, features=features, **roles)
    ours, theirs = (check(family) for family in (given, mf.Family.from_file(path, "people")))
    # all but the file, and what the family is called
    assert ours.splitlines()[1:] == [line for line in theirs.splitlines()[1:] if not line.startswith("  file ")]
    assert any(line.startswith("  guard ") for line in ours.splitlines())


def test_a_partition_shows_its_labels_and_a_picture_is_written(tmp_path):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(200, 3)), rng.integers(0, 4, 200)
    family = mf.Family.from_arrays("dealt", arrays, partition=mf.Dirichlet(clients=5, alpha=0.5))
    text = check(family)
    assert re.search(r"client +rows +labels", text)
    assert "█" in text
    assert "clients " in describe(family, out=tmp_path / "dealt.svg")
    assert (tmp_path / "dealt.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check(5), r"check\(family\): got int; give a family, or an entry of --tasks"),
        (lambda: describe("avatr"), "avatr.*did you mean 'avatar'"),
        (lambda: describe("avatar", clients=0), r"describe\(clients=0\): at least 1 is needed"),
        (lambda: describe("avatar", out="a.gif"), "the suffix must be .svg"),
    ],
)
def test_bad_input_is_one_message(call, message):
    with pytest.raises((BadInput, ValueError), match=message):
        call()
