"""``--track``: a tracker gets the record's own numbers, and one that is not there costs nothing but a message."""

import importlib.util
import json

import pytest

from simulation.runs.track import figures
from tests.simulation.command.running import command, rounds, run

SMALL = ("--clients", 12, "--cohort", 6, "--rounds", 3, "--width", 8, "--tasks", "assistant", "--engine", "local")


def test_tensorboard_holds_the_rounds(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run(tmp_path / "run", *SMALL, "--track", "tensorboard")
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    lines = rounds(folder)
    assert [(e.step, e.value) for e in events.Scalars("score")] == [
        (line["round"], pytest.approx(line["score"])) for line in lines if line["score"] is not None
    ]
    last = events.Scalars("evaluation/unseen/assistant/after")[-1]
    assert (last.step, last.value) == (3, pytest.approx(lines[-1]["evaluation"]["unseen"]["assistant"]["after"]))


def test_each_run_of_a_study_has_its_own(tmp_path):
    folder = run(tmp_path / "study", *SMALL, "--track", "tensorboard", "--seeds", 2)
    for seed in (0, 1):
        assert list((folder / f"seed-{seed}" / "tensorboard").glob("events.*"))


def test_what_is_not_installed_is_said_and_leaves_nothing(tmp_path):
    for name in ("wandb", "trackio"):
        if importlib.util.find_spec(name) is None:
            done = command(*SMALL, "--track", name, "--out", tmp_path / "run")
            assert done.returncode == 2
            assert f"pip install 'metafed[{name}]'" in done.stderr
            assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_figures_are_the_finite_numbers_of_a_line_by_path():
    line = {"round": 2, "loss": 0.5, "score": None, "failed": [1, 2], "families": {"a": {"loss": float("inf"), "x": 1}}}
    assert figures(line) == {"loss": 0.5, "failed": 2.0, "families/a/x": 1.0}
    assert json.dumps(figures(line), allow_nan=False)
