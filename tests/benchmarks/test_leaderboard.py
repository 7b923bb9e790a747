"""The leaderboard: the same number of trials for all, fresh seeds, and a page that its records alone determine."""

import json

import pytest

from benchmarks.leaderboard import suites
from benchmarks.leaderboard.__main__ import fitting, main
from benchmarks.leaderboard.cells import flags
from benchmarks.leaderboard.page import HEAD
from benchmarks.leaderboard.suites import SUITES, Suite
from benchmarks.leaderboard.tuning import TUNING_SEED, best, space
from metafed.algorithms import ALGORITHMS
from simulation.cli.flags import parse

TINY = "--tasks personalization --clients 15 --unseen 0.34 --validation 0.2 --rounds 1 --width 4"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_setting_that_is_searched_is_allowed_from_end_to_end(name):
    algorithm = ALGORITHMS[name]()
    spans = space(algorithm)
    assert set(algorithm.searched) - {"inner_lr"} <= set(spans)
    for end in ("low", "high"):
        config = parse([*SUITES["generated"].words, *flags(name, algorithm, {}), "--tasks", "assistant"])
        chosen = {setting: getattr(span, end) for setting, span in spans.items()}
        changed = parse([*SUITES["generated"].words, *flags(name, algorithm, chosen), "--tasks", "assistant"])
        for setting, value in chosen.items():
            where = changed.experiment if setting == "outer_lr" else changed.experiment.algorithm
            assert getattr(where, setting) == pytest.approx(value, rel=1e-3)
        assert changed.experiment.rounds == config.experiment.rounds


def test_the_best_is_by_the_clients_to_choose_by_and_the_defaults_where_nothing_is_finite():
    class Tried:
        def __init__(self, value):
            self.chosen_by = value

    assert best([(Tried(0.5), {}), (Tried(0.7), {"a": 1.0}), (Tried(None), {"a": 2.0})]) == {"a": 1.0}
    assert best([(Tried(0.5), {}), (Tried(0.5), {"a": 1.0})]) == {}
    assert best([(Tried(None), {}), (Tried(None), {"a": 1.0})]) == {}


@pytest.mark.slow
def test_the_same_command_goes_on_and_writes_the_same_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(suites.SUITES, "tiny", Suite("Tiny", TINY))
    words = ["--suite", "tiny", "--methods", "maml,fedavg", "--trials", "2", "--seeds", "5"]
    words += ["--out", str(tmp_path / "cells"), "--page", str(tmp_path / "page.md")]
    assert main([*words, "--minutes", "0"]) == 0
    assert "Not finished: maml, fedavg" in (tmp_path / "page.md").read_text()
    assert main(words) == 0
    page = (tmp_path / "page.md").read_text()
    cells = sorted((tmp_path / "cells").rglob("cell.json"))
    assert len(cells) == 2 * (2 + 5)
    assert sum(f"--seed {TUNING_SEED}" in json.loads(path.read_text())["command"] for path in cells) == 4
    when = [path.stat().st_mtime_ns for path in cells]
    capsys.readouterr()
    assert main(words) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "page.md").read_text() == page
    assert [path.stat().st_mtime_ns for path in cells] == when
    assert "| MAML | " in page
    assert page.count("python -m simulation.run") == 2
    assert "--trials 2 --seeds 5`" in page
    assert "No two of these 2 methods can be told apart: the smallest p of 5 seeds is 0.062," in page
    assert page.count("--seed 5\n") == 2
    # a cell that is lost is run again, by the same settings: the page stays
    cells[0].unlink()
    assert main(words) == 0
    assert (tmp_path / "page.md").read_text() == page
    # more seeds go on from those that are there
    assert main([*words, "--seeds", "6"]) == 0
    more = (tmp_path / "page.md").read_text()
    assert more.count("--seed 6\n") == 2
    assert "can be told apart:" not in more.replace(HEAD, "")
    assert main(words) == 0
    assert (tmp_path / "page.md").read_text() == page


def test_a_method_of_norms_is_named_with_the_reason_where_a_suite_has_none():
    kept, without = fitting("generated", ["maml", "fedbn", "fedrod"])
    assert kept == ["maml"]
    assert without["fedrod"] == "avatar is regression"
    assert without["fedbn"].startswith("the algorithm Fedbn is about norm layers, and the network of personalization")
    assert fitting("omniglot", ["maml", "fedbn"])[0] == ["maml", "fedbn"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--suite", "genrated"], ["genrated", "generated"]),
        (["--suite", "generated", "--methods", "mamml"], ["mamml", "maml"]),
        (["--suite", "generated", "--seeds", "3"], ["--seeds", "5"]),
    ],
)
def test_what_cannot_be_ranked_is_one_message(words, parts, capsys, tmp_path):
    assert main([*words, "--out", str(tmp_path / "cells"), "--page", str(tmp_path / "page.md")]) == 2
    shown = capsys.readouterr().err
    assert all(part in shown for part in parts)
    assert shown.count("\n") == 1
    assert not (tmp_path / "page.md").exists()
