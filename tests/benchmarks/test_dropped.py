"""Who is dropped: gaps by hand, and a study small enough to know what must come out."""

import json
from dataclasses import fields

import numpy as np
import pytest

from benchmarks.dropped import gap, main, measured
from benchmarks.studies import read_study
from metafed.fairness.panel import Panel
from simulation.cli.errors import BadInput


def people(families, scores):
    count = len(scores)
    known = {"family": np.array(families), "scores": np.array([[0.0, score] for score in scores])}
    return Panel(**{field.name: known.get(field.name, np.zeros(count)) for field in fields(Panel)})


def test_a_gap_is_within_families_however_their_sizes_differ():
    # family a: 0.2 − 0.5; family b: 0.9 − 0.8; pooled means would say 0.55 − 0.6
    some = people(["a", "a", "b", "a", "b"], [0.2, 0.4, 0.9, 0.6, 0.8])
    assert gap(some, np.array([True, False, True, False, False])) == pytest.approx((-0.3 + 0.1) / 2)


def test_without_both_kinds_there_is_no_gap():
    with pytest.raises(BadInput, match="more clients"):
        gap(people(["a", "b"], [0.1, 0.2]), np.array([True, False]))


@pytest.mark.slow
def test_a_deadline_that_nobody_meets_drops_everybody(tmp_path, capsys):
    file = tmp_path / "small.toml"
    run = "--clients 24 --unseen 0.5 --rounds 2 --eval-every 0 --engine local --seeds 1 --quiet --devices.tiers default"
    file.write_text(
        f'run = "{run} --inject-bias poor:0.5:rows=0.5"\n[methods]\nfree = ""\nhard = "--devices.deadline 0.001"\n'
    )
    figures = tmp_path / "figures.json"
    assert main([str(file), "--out", str(tmp_path / "runs"), "--markdown", "--json", str(figures)]) == 0
    found = json.loads(figures.read_text())["figures"]
    assert found == measured(read_study(file), tmp_path / "runs")
    assert found["hard"]["finished"] == found["hard"]["finished_others"] == [0]
    assert found["hard"]["dropped_rho"] == [0]
    assert found["free"]["dropped_rho_first"] == found["free"]["dropped_rho"]
    assert min(found["free"]["finished_others"]) > 0
    assert "nan" not in capsys.readouterr().out


def test_it_needs_a_planted_group_and_devices(tmp_path, capsys):
    file = tmp_path / "small.toml"
    file.write_text('[methods]\none = "--devices.tiers default"\n')
    assert main([str(file)]) == 2
    assert "needs --inject-bias and --devices.tiers" in capsys.readouterr().err
