"""Whom a study's methods serve badly: figures by hand, and a study of a tiny encoder."""

import json
from dataclasses import fields

import numpy as np
import pytest

from benchmarks.served import closest, groups, main, over_seeds, sent
from metafed.fairness.panel import Panel
from tests.metafed.data.encoder.tiny import save


def test_groups_have_their_own_worst_tenth_and_a_share_of_everybodys():
    scores = [0.1, 0.5, 0.9, 0.3, 0.2, 0.8, 0.7, 0.6, 0.4, 0.95, 0.55]
    known = {
        "family": np.array(["a"] * 6 + ["b"] * 5),
        "group": np.array(["poor", "poor", "rich", "poor", "rich", "rich"] + ["poor"] * 5),
        "scores": np.array([[0.0, score] for score in scores]),
    }
    people = Panel(**{field.name: known.get(field.name, np.zeros(len(scores))) for field in fields(Panel)})
    found = groups(people)
    assert list(found) == ["a poor", "a rich", "b poor"]
    assert found["a poor"] == pytest.approx({"clients": 3, "after": 0.3, "worst10": 0.1, "of_the_worst": 0.5})
    # two of the eleven are the worst tenth: 0.1 and 0.2
    assert found["a rich"]["of_the_worst"] == 0.5
    assert found["b poor"] == pytest.approx({"clients": 5, "after": 0.64, "worst10": 0.4, "of_the_worst": 0})


def test_the_closest_classes_are_those_whose_means_have_the_smallest_angle():
    rows = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0], [1.0, -1.0]])
    # means (1, 1), (1.5, -0.5) and (0, 2): the first and the last have an angle of 45°
    assert closest(rows, np.array([1, 2, 0, 1])) == pytest.approx(0.5**0.5)


def test_what_is_sent_stands_beside_what_the_whole_encoder_would_take():
    assert sent({"a": {"bytes_sent": 56852, "bytes_in_full": 90269204}}, "a") == "57 of 90,269"
    assert sent({}, "a") == ""


def test_a_correlation_has_the_least_and_the_most_of_its_seeds():
    assert over_seeds([0.1, -0.2, 0.4]) == "+0.10 (-0.20 to +0.40)"


@pytest.mark.slow
def test_a_study_runs_and_says_it_of_every_method(small_data, peft, transformers, tmp_path, capsys):
    file, folder = tmp_path / "small.toml", save(tmp_path / "tiny")
    run = f"--tasks assistant:clinc150,avatar --data-dir {small_data} --encoder {folder} --clients 12 --unseen 0.5"
    file.write_text(
        f'run = "{run} --rounds 1 --eval-every 0 --engine local --seeds 2 --quiet --algorithm fomaml"\n[methods]\n'
        'frozen = "--network assistant=text-encoder --network.adapter none"\n'
        'full = "--network assistant=text-encoder --network.adapter full --network.layers 1"\n'
    )
    figures = tmp_path / "figures.json"
    assert main([str(file), "--out", str(tmp_path / "runs"), "--markdown", "--json", str(figures)]) == 0
    found = json.loads(figures.read_text())["figures"]
    assert list(found) == ["frozen", "full"]
    for each in found.values():
        assert sum(one["clients"] for one in each["groups"][0].values()) == 6
        assert sum(one["of_the_worst"] for one in each["groups"][0].values()) == pytest.approx(1)
        assert len(each["rho"]) == 2
        assert all(-1 <= value <= 1 for one in each["rho"] for value in one.values())
    about = found["full"]["networks"]["assistant"]
    assert found["frozen"]["networks"]["assistant"]["bytes_sent"] < about["bytes_sent"] < about["bytes_in_full"]
    assert "nan" not in capsys.readouterr().out
