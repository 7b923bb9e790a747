"""Settings of local training that cannot be, do nothing, or are not used: one message each."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from metafed.algorithms import ALGORITHMS
from metafed.experiment.settings import Experiment
from metafed.training.settings import ClientTraining


def refused(**settings):
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate(settings)
    (problem,) = caught.value.errors()
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


@pytest.mark.parametrize(
    ("table", "setting", "value"),
    [
        ("local", "epochs", 0),
        ("local", "epochs", 1e12),
        ("local", "epochs", 10**12),
        ("local", "epochs", 1.5),
        ("local", "epochs", True),
        ("local", "steps", -1),
        ("local", "batch_size", 0),
        ("local", "optimizer", "lion"),
        ("local", "momentum", 1.0),
        ("local", "momentum", -0.1),
        ("local", "weight_decay", -0.1),
        ("local", "weight_decay", float("nan")),
        ("local", "schedule", "linear"),
        ("local", "clip", 0.0),
        ("local", "clip", float("inf")),
        ("local", "rows", "some"),
        ("local", "round_decay", 0.0),
        ("local", "round_decay", 1.1),
        ("local", "epoch", 3),
        ("eval", "epochs", 0),
        ("eval", "steps", 3),
        ("eval", "rows", "all"),
    ],
)
def test_a_value_out_of_range_is_refused_where_it_stands(table, setting, value):
    assert refused(algorithm="fedavg-ft", **{table: {setting: value}}).startswith(f"{table}.{setting}: ")


@pytest.mark.parametrize(
    ("local", "named"),
    [
        ({"epochs": 3, "steps": 4}, "--local.epochs 3 and --local.steps 4 both"),
        ({"momentum": 0.5}, "--local.momentum 0.5 does nothing with --local.optimizer sgd"),
        ({"momentum": 0.0, "optimizer": "nesterov"}, "--local.momentum 0 makes sgd of --local.optimizer nesterov"),
        ({"decay": 0.5, "epochs": 3}, "--local.decay does nothing with --local.schedule constant"),
        ({"schedule": "cosine", "decay_every": 2, "epochs": 5}, "--local.decay-every does nothing"),
        ({"schedule": "step", "epochs": 3}, "--local.schedule step needs --local.decay-every: epochs"),
        ({"schedule": "step", "epochs": 3, "decay_every": 3}, "--local.decay-every 3 does nothing in 3 epochs"),
        ({"schedule": "cosine", "epochs": 1}, "--local.schedule cosine does nothing in 1 of the epochs"),
        ({"schedule": "cosine", "steps": 1}, "--local.schedule cosine does nothing in 1 of the steps"),
    ],
)
def test_settings_that_do_nothing_together_are_refused(local, named):
    assert named in refused(algorithm="fedavg", local=local)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_takes_the_settings_that_it_uses_and_no_others(name):
    values = {
        "epochs": {"epochs": 2},
        "steps": {"steps": 2},
        "batch_size": {"batch_size": 5},
        "optimizer": {"optimizer": "adam"},
        "momentum": {"optimizer": "momentum", "momentum": 0.5},
        "weight_decay": {"weight_decay": 0.1},
        "schedule": {"schedule": "cosine"},
        "decay": {"schedule": "step", "decay_every": 2, "decay": 0.5},
        "decay_every": {"schedule": "step", "decay_every": 2},
        "clip": {"clip": 1.0},
        "rows": {"rows": "all"},
        "round_decay": {"round_decay": 0.99},
    }
    assert values.keys() == ClientTraining.model_fields.keys()
    uses = ALGORITHMS[name]().uses("local")
    for setting, local in values.items():
        if setting in uses:
            assert Experiment(algorithm=name, local=local, tasks="assistant").local.changed == local.keys()
        else:
            message = refused(algorithm=name, local=local, tasks="assistant")
            assert f"does nothing with the algorithm {name}, which uses" in message


def test_the_page_says_of_every_algorithm_what_it_uses():
    page = Path(__file__).resolve().parents[3].joinpath("docs", "local-training.md").read_text()
    table = page.partition("## Which algorithm uses what")[2].partition("\n\nWhat ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    said = {name: cells for names, *cells in rows for name in names.replace("`", "").split(", ")}
    assert said.keys() == ALGORITHMS.keys()
    for name, (local, fine_tuning) in said.items():
        algorithm = ALGORITHMS[name]()
        assert (local == "none") == (not algorithm.uses("local"))
        assert (local[:3] == "all") == (algorithm.uses("local") == ClientTraining.model_fields.keys())
        assert (fine_tuning == "none") == (not algorithm.uses("eval"))


def test_what_local_training_stands_in_for_is_refused():
    assert "--algorithm.inner-steps 3 and --local.epochs both" in refused(
        algorithm={"name": "fedavg", "inner_steps": 3}, local={"epochs": 2}
    )
    assert "--algorithm.body-steps 3 and --local.epochs both" in refused(
        algorithm={"name": "fedrep", "body_steps": 3}, local={"epochs": 2}
    )
    assert "--algorithm.body-epochs 3 does nothing without --local.epochs" in refused(
        algorithm={"name": "fedrep", "body_epochs": 3}
    )
    assert "--algorithm.local-rounds 9 and --local.epochs both" in refused(
        algorithm={"name": "pfedme", "local_rounds": 9}, local={"epochs": 2}
    )
    Experiment(algorithm={"name": "pfedme", "inner_steps": 9}, local={"epochs": 2})


def test_fine_tuning_that_nobody_does_is_refused():
    assert "--eval.batch-size does nothing: in evaluation clients take no step" in refused(
        algorithm="fedavg", eval={"batch_size": 10}
    )
    assert "--eval.epochs 2 and --eval-steps 3 both" in refused(algorithm="fedper", eval={"epochs": 2}, eval_steps=3)
    assert "does nothing with the algorithm meta-sgd" in refused(algorithm="meta-sgd", eval={"epochs": 2})
    assert Experiment(algorithm="fedavg", eval={"epochs": 2}).evaluation_steps == 2
    assert Experiment(algorithm="maml", eval={"optimizer": "momentum"}).evaluation_steps == 5


def test_the_virtual_clock_knows_full_batch_steps_only():
    devices = {"tiers": "default"}
    assert "--local.batch-size cannot be combined with --devices.tiers default" in refused(
        algorithm="fedavg", local={"batch_size": 10}, devices=devices
    )
    Experiment(algorithm="fedavg", local={"optimizer": "adam"}, devices=devices)


def test_qffl_needs_gradients_times_the_rate():
    for local in ({"optimizer": "adam"}, {"round_decay": 0.9}, {"schedule": "cosine"}):
        assert "cannot be combined with --objective qffl" in refused(algorithm="fedavg", objective="qffl", local=local)
    Experiment(algorithm="fedavg", objective="qffl", local={"epochs": 3, "batch_size": 10})


def test_settings_travel_in_a_run_config():
    local = {"epochs": 5, "batch_size": 10, "optimizer": "momentum", "rows": "all"}
    experiment = Experiment(algorithm="fedavg-ft", local=local, eval={"epochs": 2, "clip": 1.0})
    assert Experiment.from_run_config(experiment.to_run_config()) == experiment
