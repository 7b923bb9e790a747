"""A user's own data that cannot be used: one clear message, exit code 2, nothing left behind."""

import os

import numpy as np
import polars as pl
import pytest

from simulation.run import main
from tests.metafed.data.damage import truncated
from tests.metafed.data.table.own import PLAIN, rows, write_csv


def description(old="", new="", more=""):
    """Return the plain description with something else in it."""
    assert old in PLAIN
    return PLAIN.replace(old, new) + more


def with_rows(**changes):
    """Write the plain table with something else in its eighth row."""

    def write(folder):
        table = rows()
        table[7] = {**table[7], **changes}
        write_csv(folder / "people.csv", table)

    return write


def as_parquet(folder):
    pl.DataFrame(rows()).write_parquet(folder / "whole.parquet")
    truncated(folder / "whole.parquet", folder / "people.parquet")
    (folder / "whole.parquet").unlink()


def nan_in_parquet(folder):
    table = rows()
    table[7]["minutes"] = float("nan")
    pl.DataFrame(table).write_parquet(folder / "people.parquet")


def as_npz(folder):
    table = rows()
    np.savez(folder / "whole.npz", **{name: np.array([row[name] for row in table]) for name in table[0]})
    truncated(folder / "whole.npz", folder / "people.npz")
    (folder / "whole.npz").unlink()


def pickled(folder):
    np.savez(
        folder / "people.npz", person=np.array([{}, {}]), stars=[1, 2], age=[1, 2], minutes=[1, 2], genre=["a", "b"]
    )


def uneven(folder):
    np.savez(
        folder / "people.npz", person=["a", "b"], stars=[1, 2, 3], age=[1], minutes=[1], genre=["a"], headset=["b"]
    )


def few(folder):
    write_csv(folder / "people.csv", [{**row, "person": f"p{number}"} for number, row in enumerate(rows())])


def ragged(folder):
    with_rows()(folder)
    text = (folder / "people.csv").read_text().splitlines()
    text[9] += ",one,more"
    (folder / "people.csv").write_text("\n".join(text))


def commas(folder):
    write_csv(folder / "people.csv", [{**row, "minutes": str(row["minutes"]).replace(".", ",")} for row in rows()])


def semicolons(folder):
    with_rows()(folder)
    text = (folder / "people.csv").read_text()
    (folder / "people.csv").write_text(text.replace(",", ";"))


def two_groups(folder):
    table = rows()
    table[7] = {**table[7], "headset": "another"}
    write_csv(folder / "people.csv", table)


def empty(folder):
    (folder / "people.csv").write_text("person,age,minutes,genre,headset,stars\n")


GOOD = with_rows()
BAD = {
    "no description": (None, GOOD, ["people.toml", "no such file", "did you mean 'people.csv'?"]),
    "no data": (
        description("people.csv", "peple.csv"),
        GOOD,
        ["peple.csv", "no such file", "did you mean 'people.csv'?"],
    ),
    "no TOML": ("data = \n", GOOD, ["people.toml", "not TOML"]),
    "unknown key": (description("target", "tagret"), GOOD, ["unknown key 'tagret'; did you mean 'target'?"]),
    "unknown key of shots": (
        description(more="[shots]\nsuport = 3\n"),
        GOOD,
        ["'shots.suport'; did you mean 'support'?"],
    ),
    "key missing": (description('target = "stars"\n'), GOOD, ["'target' is missing"]),
    "value of another type": (description('"stars"', "3"), GOOD, ["target = 3", "string"]),
    "value out of range": (
        description(more="[shots]\nsupport = 0\n"),
        GOOD,
        ["shots.support = 0", "greater than or equal to 1"],
    ),
    "unknown kind": (description(more='kind = "ranking"\n'), GOOD, ["kind = 'ranking'", "classification"]),
    "unknown partition": (
        description('client = "person"', 'partition = {kind = "dirichlt", clients = 3}'),
        GOOD,
        ["partition: kind = 'dirichlt'", "did you mean 'dirichlet'?"],
    ),
    "no client and no partition": (description('client = "person"\n'), GOOD, ["client = …", "(partition)"]),
    "no features": (description('features = ["age", "minutes", "genre"]\n'), GOOD, ["features = […]", "text = …"]),
    "feature twice": (description('"age"', '"minutes"'), GOOD, ["'minutes' is named twice"]),
    "target as a feature": (description('"age"', '"stars"'), GOOD, ["'stars' is a feature and the target"]),
    "data of a name that is none": (description("people.csv", "a\\u0000.csv"), GOOD, ["holds a NUL character"]),
    "target twice": (description('"stars"', '["stars", "stars"]'), GOOD, ["'stars' is named twice"]),
    "target that is the client": (description('"stars"', '"person"'), GOOD, ["'person' is the client and the target"]),
    "class twice": (description(more="classes = [1, 2, 3, 4, 5, 5]\n"), GOOD, ["the class '5' is named twice"]),
    "feature of no kind": (
        description('features = ["age", "minutes", "genre"]\n', more='[features]\nage = "numbr"\n'),
        GOOD,
        ["age = 'numbr'", "number, category, text"],
    ),
    "column missing": (
        description('"stars"', '"star"'),
        GOOD,
        ["no column 'star', the target", "did you mean 'stars'?"],
    ),
    "client column missing": (
        description('"person"', '"user"'),
        GOOD,
        ["no column 'user', the client", "it has person, age"],
    ),
    "wrong separator": (
        description(more='separator = ";"\n'),
        GOOD,
        ["separated by ',', not by ';'", 'separator = ","'],
    ),
    "other separator": (PLAIN, semicolons, ["separated by ';', not by ','", 'separator = ";" in people.toml']),
    "text as time": (
        description(', "genre"]', ']\ntime = "genre"'),
        GOOD,
        ["'genre', the time, holds text", "2024-12-31"],
    ),
    "text to be predicted as a number": (
        description('"stars"', '"genre"', 'kind = "regression"\n').replace(', "genre"]', "]"),
        GOOD,
        ["'genre', the target, holds text", "regression"],
    ),
    "unknown table": (
        description("people.csv", "people.xlsx"),
        lambda f: (f / "people.xlsx").touch(),
        [".csv, .tsv, .parquet"],
    ),
    "no rows": (PLAIN, empty, ["people.csv has no rows"]),
    "no client with rows enough": (PLAIN, few, ["no client has 4 rows"]),
    "number missing": (
        PLAIN,
        with_rows(minutes=""),
        ["'minutes' has no finite number in 1 of", 'missing = "mean"', "p0"],
    ),
    "NaN": (PLAIN, with_rows(minutes="nan"), ["'minutes' has no finite number in 1 of"]),
    "NaN in Parquet": (
        description("people.csv", "people.parquet"),
        nan_in_parquet,
        ["'minutes' has no finite number in 1 of"],
    ),
    "infinite": (
        description(more='missing = "mean"\n'),
        with_rows(minutes="inf"),
        ["'minutes' has no finite number in 1 of"],
    ),
    "number spoilt": (
        PLAIN,
        with_rows(minutes="n/a"),
        ["'minutes' holds numbers and texts, such as 'n/a'", "category"],
    ),
    "decimal commas": (PLAIN, commas, ["'minutes' holds numbers, written as texts", "repair it"]),
    "split of no two sides": (
        description(more='evaluation = "age"\n').replace('"age", "m', '"m'),
        GOOD,
        ["no client has 2 rows for training", "'age' being 0 and 1"],
    ),
    "split by a text": (
        description(', "genre"]', ']\nevaluation = "genre"'),
        GOOD,
        ["'genre', which tells evaluation rows, holds text"],
    ),
    "two splits": (
        description(more='time = "when"\nevaluation = "age"\n'),
        GOOD,
        ["time, block and evaluation exclude each other"],
    ),
    "target missing": (PLAIN, with_rows(stars=""), ["'stars' has no value in 1 of"]),
    "target spoilt": (PLAIN, with_rows(stars="five"), ["'stars' holds numbers and texts, such as 'five'", "kind = …"]),
    "client missing": (PLAIN, with_rows(person=""), ["'person' has no value in 1 of"]),
    "label beyond the classes": (
        description(more="classes = [1, 2, 3, 4]\n"),
        GOOD,
        ["'stars' has the label '5'", "none of the classes", "1, 2, 3, 4"],
    ),
    "label that training has not": (
        PLAIN,
        with_rows(stars=9),
        ["no row with the label '9' is trained on", "rare = 4 in"],
    ),
    "group that is not the client's": (PLAIN, two_groups, ["several values of 'headset', the group"]),
    "a line too long": (PLAIN, ragged, ["people.csv is damaged"]),
    "truncated parquet": (description("people.csv", "people.parquet"), as_parquet, ["people.parquet is damaged"]),
    "truncated npz": (description("people.csv", "people.npz"), as_npz, ["people.npz is damaged"]),
    "pickled npz": (description("people.csv", "people.npz"), pickled, ["people.npz is damaged", "pickle"]),
    "uneven npz": (description("people.csv", "people.npz"), uneven, ["arrays differ in length: ", "stars 3"]),
    "more clients than there are": (PLAIN, GOOD, ["--clients 13", "which has 12", "at most 12"]),
}


@pytest.mark.parametrize("case", BAD)
def test_one_message_and_exit_code_2(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text, write, named = BAD[case]
    write(tmp_path)
    if text is not None:
        (tmp_path / "people.toml").write_text(text)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    count = "13" if case.startswith("more clients") else "12"
    code = main(["--tasks", "mine:people.toml", "--clients", count, "--engine", "local", "--out", "run"])
    said = capsys.readouterr()
    assert code == 2
    assert said.err.startswith("metafed: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err + said.out
    for words in named:
        assert words in said.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_pipe_is_not_waited_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.toml").write_text(PLAIN)
    os.mkfifo(tmp_path / "people.csv")
    assert main(["--tasks", "mine:people.toml", "--engine", "local"]) == 2
    assert capsys.readouterr().err.startswith("metafed: people.csv is a pipe or a device")


def test_a_command_in_a_process_of_its_own_says_the_same(tmp_path):
    from tests.simulation.command.running import command

    with_rows(stars=9)(tmp_path)
    (tmp_path / "people.toml").write_text(PLAIN)
    done = command("--tasks", "mine:people.toml", "--clients", 12, "--out", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "no row with the label '9' is trained on" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "people.toml"]
