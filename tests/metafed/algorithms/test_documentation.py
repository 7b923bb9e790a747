"""The worked example runs as it is printed, and the table names every algorithm."""

import re
from pathlib import Path

from metafed.algorithms import ALGORITHMS, Maml
from tests.metafed.algorithms.clients import path, same
from tests.metafed.models.problems import network

DOCS = Path(__file__).parents[3] / "docs"


def test_the_worked_example_runs(tmp_path, monkeypatch):
    text = (DOCS / "adding-an-algorithm.md").read_text(encoding="utf-8")
    assert text.count("\n") < 40
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    (tmp_path / "my_module.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    from my_module import DecayingMaml

    task, theta, episode = network()
    decaying, constant = DecayingMaml(inner_lr=0.3), DecayingMaml(inner_lr=0.3, decay=0)
    update = decaying.update(task, theta, {}, episode, 1)
    assert update.directions.keys() == theta.keys()
    assert len(path(decaying, task, theta, {}, episode.support, 4)) == 5
    maml = Maml(inner_lr=0.3).update(task, theta, {}, episode, 1)
    same(constant.update(task, theta, {}, episode, 1).directions, maml.directions)


def test_the_table_names_every_algorithm_once():
    text = (DOCS / "algorithms.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE) == list(ALGORITHMS)
