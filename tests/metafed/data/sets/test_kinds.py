"""A data set may be of another kind than its family; whoever asks for the kind gets that of the data set."""

import json

import numpy as np
import pytest
import torch

from metafed.experiment.choices import parse_tasks
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from simulation.records.runs import kinds


def choice(text):
    (found,) = parse_tasks(text)
    return found


def test_the_sources_kind_goes_before_the_familys():
    assert FAMILIES["avatar"].kind == choice("avatar").kind == choice("avatar:bandai_motion").kind == "regression"
    assert choice("avatar:watch_gestures").kind == "classification"
    for family in FAMILIES.values():
        for source, made in family.sources.items():
            assert choice(f"{family.name}:{source}").kind == (made.kind or family.kind)


def test_loss_and_score_are_of_that_kind(shared_data):
    experiment = Experiment(tasks="avatar:watch_gestures", data_dir=str(shared_data), clients=6)
    task = Federation(experiment).tasks["avatar"]
    assert task.kind == "classification"
    assert task.model.outputs == 7
    query = Federation(experiment).population.evaluation([0, 1]).episode.query
    assert query.y.dtype == torch.int64
    right = torch.nn.functional.one_hot(query.y, 7).to(query.x.dtype)
    assert task.score(right, query).tolist() == [1.0, 1.0]


def test_an_algorithm_of_one_kind_fits_by_the_source():
    Experiment(tasks="avatar:watch_gestures", algorithm="protonet")
    with pytest.raises(ValueError, match="family 'avatar' is regression"):
        Experiment(tasks="avatar:bandai_motion", algorithm="protonet")


@pytest.mark.parametrize(("text", "anonymous"), [("social", True), ("assistant:banking77", True), ("avatar", False)])
def test_slots_are_anonymous_as_in_the_family_unless_the_source_says_otherwise(text, anonymous, monkeypatch):
    asked = choice(text)
    assert asked.anonymous is anonymous
    monkeypatch.setattr(asked.family.sources[asked.source], "anonymous", not anonymous)
    assert asked.anonymous is not anonymous


def test_exercises_keep_their_numbers_in_training_and_circles_do_not(shared_data):
    def dealt(text):
        people = Federation(Experiment(tasks=text, clients=4, unseen=0.0, data_dir=str(shared_data))).population
        (own,) = people.evaluation([0]).examples
        drawn = [people.training([0], r).examples[0] for r in range(1, 8)]
        return [bool((each.y == own.y).all()) for each in drawn]

    assert all(dealt("avatar:watch_gestures"))
    assert not all(dealt("social:facebook_ego"))


class TestRecord:
    """A report of a run reads the kinds out of its manifest."""

    def test_the_runs_own_data_sets_count(self):
        known = kinds({"experiment": {"tasks": "avatar:watch_gestures, assets"}})
        assert known["avatar"] == "classification"
        assert known["assets"] == "regression"
        assert known["personalization"] == "classification"

    @pytest.mark.parametrize("manifest", [{}, {"experiment": None}, {"experiment": {"tasks": 3}}])
    def test_without_tasks_the_families_kinds_are_taken(self, manifest):
        assert kinds(manifest) == {name: family.kind for name, family in FAMILIES.items()}

    def test_a_family_whose_data_set_nobody_knows_has_no_kind(self):
        known = kinds({"experiment": {"tasks": "avatar:later_set,nobody,assistant:banking77"}})
        assert "avatar" not in known
        assert "nobody" not in known
        assert known["assistant"] == "classification"


def test_the_summary_and_the_report_of_a_run_take_accuracy_for_what_it_is(shared_data, tmp_path, capfd):
    from simulation.report.pages import write_report
    from simulation.run import main

    out = tmp_path / "run"
    words = (
        f"--tasks avatar:watch_gestures --data-dir {shared_data} --clients 20 --unseen 0.5 --rounds 2 --engine local"
    )
    assert main([*words.split(), "--eval-every", "0", "--quiet", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    # an accuracy ends at 0 and 1: the interval of a skill would not
    assert 0 <= summary["unseen"]["after"]["low"] <= summary["unseen"]["after"]["high"] <= 1
    (out / "summary.json").unlink()
    html = write_report(out).read_text()
    assert "accuracy" in html
    notes = json.loads((out / "manifest.json").read_text())["data"]["avatar:watch_gestures"]["notes"]
    assert notes[0].startswith("classification")
    assert np.isfinite(summary["score"]["value"])
    capfd.readouterr()
