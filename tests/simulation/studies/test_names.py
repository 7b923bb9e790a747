"""Methods are called by what differs between them, in every output, and never by a path."""

import csv
import json

import pytest

from metafed.algorithms import ALGORITHMS
from metafed.experiment.settings import Experiment
from simulation.compare import main as compared
from simulation.export import main as exported
from simulation.records.folders import read_methods, with_references
from simulation.records.methods import read_method
from simulation.records.names import name_of, names_of
from simulation.report.command import main as reported
from simulation.runs.summary import study_summary
from tests.simulation.studies.records import record, study

PLAIN = Experiment().model_dump(mode="json")
TILTED = {"objective": {"name": "tilted", "t": 1.0}}


def algorithm(name, **settings):
    return {"algorithm": {"name": name, **settings}}


@pytest.mark.parametrize(
    ("experiments", "names"),
    [
        ([{}], ["MAML"]),
        ([TILTED], ["MAML, objective = tilted, t = 1"]),
        ([{}, algorithm("fedavg-ft")], ["MAML", "FedAvg+FT"]),
        ([{}, TILTED], ["objective = mean", "objective = tilted, t = 1"]),
        (
            [{}, TILTED, algorithm("fedavg")],
            ["MAML", "MAML, objective = tilted, t = 1", "FedAvg"],
        ),
        ([algorithm("maml", inner_steps=1), algorithm("maml", inner_steps=5)], ["inner-steps = 1", "inner-steps = 5"]),
        (
            [algorithm("maml", inner_steps=1), algorithm("maml", inner_steps=5), algorithm("fedavg")],
            ["MAML, inner-steps = 1", "MAML, inner-steps = 5", "FedAvg"],
        ),
        ([{"outer_lr": 0.1}, {}], ["outer-lr = 0.1", "outer-lr = not set"]),
        ([{"outer_lr": 0.1}, {"outer_lr": 0.10000001}], ["outer-lr = 0.1", "outer-lr = 0.10000001"]),
        ([{"outer_lr": 0.0123456789}, {"outer_lr": 2.3456789e-5}], ["outer-lr = 0.01235", "outer-lr = 2.346e-05"]),
        (
            [{"outer_lr": 0.1}, {**algorithm("fedavg"), "outer_lr": 1.0}],
            ["MAML", "FedAvg"],
        ),
        ([{"encoder": "some/where/bert"}, {}], ["encoder = bert", "no encoder"]),
        ([{"data_dir": "one"}, {"data_dir": "other"}], None),
        ([{"seed": 1}, {"seed": 2}], None),
    ],
)
def test_names_are_what_differs(experiments, names):
    changed = [{**PLAIN, **values} for values in experiments]
    assert names_of(changed) == names


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"aggregator": {"name": "krum", "f": 2}}, "aggregator = krum, f = 2"),
        ({"privacy": {"epsilon": 8.0, "noise": None, "model": "central"}}, "ε = 8"),
        ({"privacy": {"epsilon": None, "noise": 1.25, "model": "local"}}, "noise = 1.25, of each client"),
    ],
)
def test_what_protects_clients_is_named(change, words):
    assert name_of({**PLAIN, **change}) == f"MAML, {words}"
    assert words in names_of([PLAIN, {**PLAIN, **change}])


def test_sampling_that_privacy_asks_for_is_no_word_of_its_own():
    private = {"privacy": {"epsilon": 8.0}, "sampling": {"name": "poisson"}}
    assert names_of([PLAIN, {**PLAIN, **private}]) == ["no privacy", "ε = 8"]


def test_every_algorithm_has_a_name_of_papers():
    assert len({algorithm.title for algorithm in ALGORITHMS.values()} - {""}) == len(ALGORITHMS)


def test_a_study_and_its_references_are_called_alike_in_every_output(tmp_path, capsys):
    own = study(tmp_path / "own_1", 5, references=[("local", 0.1), ("global", 0.0)])
    names = ["MAML", "local", "global"]
    assert compared([str(own), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["all"]["methods"]) == names
    assert compared([str(own), str(own / "local"), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["all"]["methods"]) == names[:2]
    assert exported([str(own), str(own / "local"), "--out", str(tmp_path / "tables")]) == 0
    with (tmp_path / "tables" / "metrics.csv").open(encoding="utf-8") as file:
        exports = {row["method"] for row in csv.DictReader(file)}
    assert exports == {"MAML", "local", "MAML/global"}  # each once, though one is named twice
    assert reported([str(own)]) == 0
    page = (own / "report.html").read_text(encoding="utf-8")
    assert all(f">{name}</th>" in page for name in names)


def test_a_reference_of_the_same_name_as_its_study_has_another(tmp_path):
    own = study(tmp_path / "own", 5, references=[("local", 0.1)], algorithm="local")
    assert [method.name for method in with_references(read_methods([own]))] == ["local", "local/local"]
    assert list(study_summary(read_method(own))["unseen"]["all"]["methods"]) == ["local", "local/local"]


def test_where_no_setting_tells_methods_apart_that_is_said_and_folders_name_them(tmp_path, capsys):
    one, other = record(tmp_path / "one", data_dir="a"), record(tmp_path / "two" / "one", data_dir="b")
    methods = read_methods([one, other])
    assert [method.name for method in methods] == ["1: one", "2: one"]
    assert compared([str(one), str(other)]) == 0
    assert "No setting that has a name tells them apart" in capsys.readouterr().out
    third = record(tmp_path / "three", data_dir="c")
    assert [method.name for method in read_methods([one, third])] == ["one", "three"]
