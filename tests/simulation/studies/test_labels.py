"""A method has the name that a person gives it, wherever methods stand side by side."""

import json

import pytest

from simulation import compare
from simulation.compare import main as compared
from simulation.export import main as exported
from simulation.report.command import main as reported
from tests.simulation.studies.records import study

LABELS = ("--label", "MAML & more", "--label", "first order, t = 1")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    known = study(folder / "one", 5, references=[("local", 0.2)])
    return str(known), str(study(folder / "other", 5, shift=0.1, algorithm="fomaml"))


def test_every_output_calls_methods_so(two, tmp_path, capsys):
    assert compared([*two, *LABELS, "--json"]) == 0
    (entry,) = [e for e in json.loads(capsys.readouterr().out)["all"]["differences"] if e["measure"] == "after"]
    assert (entry["one"], entry["minus"]) == (LABELS[3], LABELS[1])
    assert set(compare(*two, labels=LABELS[1::2]).differences["one"]) == {LABELS[3]}
    assert exported([*two, *LABELS, "--out", str(tmp_path)]) == 0
    assert f"{LABELS[1]}/local" in (tmp_path / "metrics.csv").read_text()
    assert r"MAML \& more" in (tmp_path / "table.tex").read_text()
    assert reported([*two, *LABELS, "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "MAML &amp; more" in page
    assert LABELS[3] in page


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"], "1 given for 2 methods"),
        (["a", "a"], "'a': given twice"),
        (["a", "a/local"], "'a/local': is the name of a reference"),
        (["a", " "], "' ': 1 to 60 printable characters"),
        (["a", "b\n"], "printable"),
        (["a", "b" * 61], "1 to 60"),
    ],
)
@pytest.mark.parametrize("door", [compared, reported])
def test_labels_that_do_not_fit_are_refused(labels, said, door, two, tmp_path, capsys):
    words = [word for label in labels for word in ("--label", label)]
    out = ["--out", str(tmp_path / "page.html")] if door is reported else []
    assert door([*two, *words, *out]) == 2
    assert said in capsys.readouterr().err


def test_one_run_has_no_label(two, capsys):
    assert reported([f"{two[0]}/seed-0", "--label", "a"]) == 2
    assert "--label" in capsys.readouterr().err
