"""Every file in experiments/ parses, and says what was expected, what was reached, by which command and where."""

import re
from pathlib import Path

import pytest

from metafed.algorithms import Maml
from simulation.cli.config import Config

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
FILES = sorted(FOLDER.glob("*.toml"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def head(file):
    """Return the comment at the top of the file."""
    lines = file.read_text(encoding="utf-8").splitlines()
    count = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line.removeprefix("# ") for line in lines[:count])


def test_the_experiments_that_the_project_promises_are_there():
    names = {file.stem for file in FILES}
    assert names >= {f"omniglot-5w1s-{name}" for name in ("maml", "fomaml", "protonet", "reptile")}
    assert names >= {"omniglot-20w1s-maml", "omniglot-20w1s-protonet", "article"}


@every_file
def test_it_parses_and_names_unseen_clients(file):
    experiment = Config.from_file(file).experiment
    assert experiment.unseen_clients >= 600 or "omniglot" not in experiment.tasks
    if file.stem.startswith("omniglot-"):
        _, size, name = file.stem.split("-", 2)
        # ProtoNet is trained with more ways than it is evaluated with, by a second command
        assert experiment.tasks == ("omniglot:60w1s" if name == "protonet" else f"omniglot:{size}")
        assert name != "protonet" or f"benchmarks.elsewhere runs/protonet --tasks omniglot:{size}" in head(file)
        assert experiment.algorithm.name == name


@every_file
def test_its_first_lines_say_what_was_expected_and_reached(file):
    text = head(file)
    for word in ("Expected:", "Reached:", "Budget:", "Curve:", "Machine:", "Date:", "Command:"):
        assert word in text, word
    unseen = {
        "six-families-real": 104,
        "real-second-sets": 24,
        "fedavg-five-epochs": 6,
        "fashion-mnist-pfllib": 20,
    }.get(file.stem, 600)  # real data sets have no more
    assert re.search(rf"Reached: .*\d+\.\d+ .*\[\d+\.\d+, \d+\.\d+\].* {unseen} ", text)
    assert re.search(r"Date: 20\d\d-\d\d-\d\d", text)
    assert f"python -m simulation.run --config experiments/{file.name} --data-dir" in text


def test_the_article_has_its_setting():
    experiment = Config.from_file(FOLDER / "article.toml").experiment
    assert (experiment.network, experiment.norm, experiment.filters, experiment.width) == ("small-conv", "none", 64, 64)
    assert experiment.algorithm == Maml(inner_steps=1, inner_lr=0.1)
    assert (experiment.outer.optimizer, experiment.outer.rate) == ("adam", 0.001)
    assert experiment.cohort == 4
    assert experiment.tasks == "omniglot:5w1s"
