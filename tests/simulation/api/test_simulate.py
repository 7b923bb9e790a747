"""``simulate`` from Python is the command line's run: the same θ, the same record, the same answers to mistakes."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import metafed as mf
from metafed.algorithms import ALGORITHMS
from metafed.experiment.keywords import Keywords
from simulation import BadInput, Run, StopRun, compare, load, simulate, sweep
from simulation.cli.flags import parse
from simulation.run import main
from tests.cases import some
from tests.simulation.command.running import manifest, sha

SMALL = {"clients": 9, "cohort": 4, "rounds": 3, "width": 6, "eval_every": 2}
FLAGS = ["--clients", "9", "--cohort", "4", "--rounds", "3", "--width", "6", "--eval-every", "2"]


def run(**settings):
    return simulate(mf.Experiment(**{**SMALL, **settings}), engine="local", progress=False)


@pytest.fixture(scope="module")
def small():
    return run()


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({}, ""),
        ({"algorithm": mf.Maml(inner_steps=2)}, "--inner-steps 2"),
        ({"algorithm": "ditto"}, "--algorithm ditto"),
        ({"objective": mf.Tilted(t=2), "seed": 3}, "--objective tilted --objective.t 2 --seed 3"),
        ({"aggregator": mf.TrimmedMean(share=0.25)}, "--aggregator trimmed-mean --aggregator.share 0.25"),
        ({"privacy": mf.Privacy(noise=0.5, clip=1.0)}, "--privacy.noise 0.5 --privacy.clip 1"),
        (
            {"families": ["avatar", "social"], "network": {"avatar": "mlp"}},
            "--tasks avatar,social --network avatar=mlp",
        ),
        ({"faults": mf.Fault(kind="crash", share=0.3)}, '--faults {"fault":[{"kind":"crash","share":0.3}]}'),
        (
            {"devices": mf.Devices(tiers="default", deadline=0.12), "sampling": mf.PowerOfChoice()},
            "--devices.tiers default --devices.deadline 0.12 --sampling power-of-choice",
        ),
    ],
)
def test_keywords_are_the_settings_of_the_same_flags(settings, flags):
    assert parse([*FLAGS, *flags.split()]).experiment == mf.Experiment(**{**SMALL, **settings})


def test_keywords_give_the_theta_of_the_same_flags(tmp_path):
    flags = "--devices.tiers default --devices.deadline 0.12 --objective tilted --quiet --engine local"
    assert main([*FLAGS, *flags.split(), "--out", str(tmp_path / "run")]) == 0
    found = run(devices=mf.Devices(tiers="default", deadline=0.12), objective=mf.Tilted())
    assert found.theta_sha256 == sha(tmp_path / "run")


def test_a_run_has_its_record_as_frames_and_numbers_with_intervals(small):
    assert small.clients.columns[:3] == ["phase", "round", "client"]
    assert small.rounds["round"].to_list() == [0, 1, 2, 3]
    assert small.rounds["evaluation/seen/avatar/after"].null_count() == 1
    assert small.participation.height == 9
    block = small.summary.unseen
    evaluated = small.clients.filter((pl.col("phase") == "evaluate") & (pl.col("round") == 3) & ~pl.col("seen"))
    after = evaluated.filter(pl.col("step") == 5)["score"].to_numpy()
    assert np.isclose(block.after.value, after.mean(), rtol=1e-12, atol=0)
    assert np.isclose(block.worst10.value, after.min(), rtol=1e-12, atol=0)
    assert block.after.n == len(after) == block.clients == 2
    assert small.summary.raw["unseen"]["after"]["low"] == block.after.low
    assert small.exit_reason == "done"


def test_who_is_not_there_is_said(small):
    with pytest.raises(LookupError, match="there are no unseen clients"):
        _ = run(unseen=0.0, rounds=1).summary.unseen


def test_theta_and_its_state_dict_are_the_checkpoints(small, tmp_path):
    state = torch.load(small.export_torch(tmp_path / "theta.pt"), weights_only=True)
    assert {name: tuple(value.shape) for name, value in state.items()} == small.federation.layout.shapes
    for name, value in state.items():
        assert np.array_equal(value.numpy(), small.theta[name])
    assert any((value != small.federation.theta[name]).any() for name, value in state.items())
    own = torch.load(small.export_torch(tmp_path / "avatar.pt", family="avatar"), weights_only=True)
    assert {name.partition(".")[0] for name in own} == {"trunk", "avatar"}
    with pytest.raises(BadInput, match="family='avatr': the run has personalization, assistant, avatar"):
        small.export_torch(tmp_path / "no.pt", family="avatr")


class Tiny(torch.nn.Module):
    """A module with a head."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.body = torch.nn.Linear(inputs.shape[0], 4)
        self.head = torch.nn.Linear(4, outputs)

    def forward(self, x):
        return self.head(torch.tanh(self.body(x)))


def short(**settings):
    asked = mf.Experiment(families=["avatar"], clients=4, rounds=1, **settings)
    return simulate(asked, engine="local", progress=False)


@pytest.mark.parametrize("network", ["mlp", Tiny])
def test_several_models_are_a_list_of_state_dicts(network, tmp_path):
    made = short(algorithm=mf.Ifca(models=2), network=network)
    states = torch.load(made.export_torch(tmp_path / "models.pt"), weights_only=True)
    assert len(states) == 2
    paths = made.federation.modules["avatar"].paths if network is Tiny else {name: name for name in states[0]}
    for number, state in enumerate(states):
        assert not any("taken" in name for name in state)
        for name, path in paths.items():
            assert np.array_equal(state[path].numpy(), made.theta[name][number])
        if network is Tiny:
            made.federation.modules["avatar"].module.load_state_dict(state)


@pytest.mark.parametrize(
    "name", some(sorted(ALGORITHMS.keys() - {"fedbn"}), "fedem", "fedproto", "fedrod", "apfl", "meta-sgd")
)
def test_what_any_algorithm_exports_loads_into_the_module(name, tmp_path):
    made = simulate(
        mf.Experiment(families=["assistant"], clients=4, rounds=1, algorithm=name, network=Tiny),
        engine="local",
        progress=False,
    )
    model = made.federation.modules["assistant"]
    if not set(model.paths) <= set(made.theta):
        with pytest.raises(BadInput, match="clients keep"):
            made.export_torch(tmp_path / "theta.pt")
        return
    states = torch.load(made.export_torch(tmp_path / "theta.pt"), weights_only=True)
    several = isinstance(states, list)
    for number, state in enumerate(states if several else [states]):
        model.module.load_state_dict(state)
        for own, place in model.paths.items():
            assert np.array_equal(state[place].numpy(), made.theta[own][number] if several else made.theta[own])


def test_a_module_of_which_clients_keep_a_part_is_not_exported(tmp_path):
    made = short(algorithm="fedrep", network=Tiny)
    with pytest.raises(BadInput, match=r"clients keep head.weight, head.bias to themselves.*adapt\(state, client\)"):
        made.export_torch(tmp_path / "half.pt")


def test_a_temporary_record_goes_with_its_run():
    made = run(rounds=1)
    folder = made.folder
    assert not (folder / "report.html").exists()
    assert made.report() == folder / "report.html"
    del made
    assert not folder.parent.exists()


def test_a_record_that_is_named_stays_and_is_read_by_load(tmp_path):
    made = simulate(mf.Experiment(**SMALL), engine="local", out=tmp_path / "kept", progress=False)
    experiment, sha256 = made.experiment, made.theta_sha256
    del made
    again = load(tmp_path / "kept")
    assert again.theta_sha256 == sha256
    assert again.experiment.replace(kernels="auto") == experiment.replace(kernels="auto")
    assert again.report(tmp_path / "own.html").read_text().startswith("<!doctype html>")
    with pytest.raises(BadInput, match="kept: exists already"):
        simulate(mf.Experiment(**SMALL), engine="local", out=tmp_path / "kept", progress=False)
    with pytest.raises(BadInput, match="not the folder of a run"):
        load(tmp_path)


def test_more_rounds_of_a_run_are_those_of_a_longer_one(small):
    shorter = run(rounds=2)
    assert shorter.verify() is None
    rows, loss = len(shorter.clients), shorter.rounds["loss"].to_list()
    longer = shorter.resume(rounds=3)
    assert longer.theta_sha256 == small.theta_sha256
    assert longer.rounds["loss"].to_list() == small.rounds["loss"].to_list()
    # the object of before shows the same record, nothing of the old one
    assert len(shorter.clients) == len(longer.clients) > rows
    assert shorter.rounds["loss"].to_list() == longer.rounds["loss"].to_list() != loss
    assert shorter.theta_sha256 == longer.theta_sha256
    assert shorter.experiment.rounds == longer.experiment.rounds == 3


def test_a_callback_sees_each_round_and_may_stop_the_run_but_not_change_it(small):
    seen = []

    def watch(line):
        seen.append((line["round"], line["loss"]))
        line["loss"] = line["families"] = None
        if line["round"] == 2:
            raise StopRun("two are enough")

    stopped = simulate(mf.Experiment(**SMALL), engine="local", progress=False, callbacks=[watch])
    assert [number for number, _ in seen] == [0, 1, 2]
    assert [loss for _, loss in seen] == small.rounds["loss"].to_list()[:3]
    assert stopped.exit_reason == "stopped by a callback: two are enough"
    assert stopped.rounds["loss"].to_list() == small.rounds["loss"].to_list()[:3]
    assert stopped.resume(progress=False).theta_sha256 == small.theta_sha256


def test_a_callback_that_ends_a_run_takes_no_reference_from_it():
    def end(line):
        if line["round"] == 1:
            raise StopRun

    stopped = simulate(
        mf.Experiment(**SMALL), engine="local", progress=False, callbacks=[end], references="constant,nearest"
    )
    assert stopped.exit_reason.startswith("stopped by a callback")
    assert {"constant", "nearest"} <= set(str(stopped.summary.raw["references"]).replace("'", " ").split())


def test_figures_are_those_of_the_report_and_a_notebook_shows_them(small):
    for figure in (small.plot.before_after(), small.plot.adaptation(), small.plot("learning")):
        assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="differences is a figure of several runs"):
        small.plot("differences")
    assert "<td>unseen</td><td>2</td>" in small._repr_html_()


def test_runs_are_compared_as_by_the_command(small, capsys):
    other = run(objective=mf.Tilted(t=2))
    found = compare(small, other)
    found.show()
    shown = capsys.readouterr().out
    assert "tilted" in shown
    assert " [95 % interval]" in shown
    assert "worst" in found._repr_html_()
    assert found.differences.height > 0
    assert found.plot.differences()._repr_png_()


def test_a_sweep_runs_every_combination_with_its_seeds(tmp_path):
    common = mf.Experiment(**{**SMALL, "rounds": 1})
    found = sweep(common, {"objective": [mf.Mean(), mf.Tilted(t=2)], "seed": [5]}, engine="local", progress=False)
    assert [[run.manifest["seed"] for run in runs] for runs in found.cells.values()] == [[5], [5]]
    assert found.frontier.height == 2
    alone = simulate(common.replace(objective=mf.Tilted(t=2), seed=5), engine="local", progress=False)
    assert alone.theta_sha256 in {run.theta_sha256 for runs in found.cells.values() for run in runs}
    assert found.compare().differences.height > 0
    with pytest.raises(mf.SettingError, match="Experiment has no setting 'objectiv'; did you mean 'objective'"):
        sweep(common, {"objectiv": [mf.Mean()]}, engine="local")
    with pytest.raises(BadInput, match=re.escape("sweep(seeds=0): input should be greater than or equal to 1")):
        sweep(common, seeds=0, engine="local")


def test_a_name_of_the_package_is_the_function_whatever_was_imported():
    import simulation

    importlib.import_module("simulation.compare")
    assert simulation.compare is compare
    assert callable(sys.modules["simulation.compare"].main)
    assert runpy.run_module("simulation.compare")["main"].__module__ == "simulation.compare"
    assert simulation.Run is Run


def test_every_public_name_is_there_and_importing_them_imports_nothing():
    assert all(getattr(mf, name).__name__ for name in mf.PUBLIC if name != "read_faults")
    with pytest.raises(AttributeError, match=r"no public name 'Mamml'; did you mean 'Maml'\?"):
        _ = mf.Mamml


def test_keywords_are_the_settings():
    assert Keywords.__annotations__.keys() == mf.Experiment.model_fields.keys() | {"families"}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: mf.Maml(inner_step=3), "Maml has no setting 'inner_step'; did you mean 'inner_steps'?"),
        (lambda: mf.Maml(inner_steps=-1), "Maml(inner_steps=-1): input should be greater than or equal to 0"),
        (lambda: mf.Experiment(cohrt=3), "Experiment has no setting 'cohrt'; did you mean 'cohort'?"),
        (lambda: mf.Experiment(clients=50, cohort=60), "--cohort 60 exceeds --clients 50; choose at most 50"),
        (lambda: mf.Experiment(algorithm="mamml"), "unknown algorithm 'mamml'; did you mean 'maml'?"),
        (lambda: mf.Experiment(families=["avatr"]), "unknown family 'avatr'; did you mean 'avatar'?"),
        (lambda: mf.Experiment(families=["avatar"], tasks="avatar"), "families and tasks are one setting"),
        (lambda: mf.Experiment(families=3), "families=3: give a list of names and of families of your own"),
        (lambda: mf.Experiment(tasks=["avatar", 3]), "tasks has 3, which is neither a name nor an mf.Family"),
        (lambda: mf.Privacy(epsilonn=8), "Privacy has no setting 'epsilonn'; did you mean 'epsilon'?"),
        (lambda: simulate(mf.Experiment(), engine="locl"), "simulate(engine='locl'): input should be 'ray' or 'local'"),
        (lambda: simulate(mf.Experiment(), worker=2), "simulate has no setting 'worker'; did you mean 'workers'?"),
        (lambda: mf.Experiment().replace(roundss=3), "Experiment has no setting 'roundss'; did you mean 'rounds'?"),
    ],
)  # fmt: skip
def test_a_wrong_keyword_or_value_is_answered_by_one_message(make, text):
    with pytest.raises(ValueError, match=re.escape(text)) as answer:
        make()
    assert "\n" not in str(answer.value)


def test_replace_changes_what_is_named_and_keeps_what_was_chosen():
    one = mf.Experiment(clients=20, algorithm=mf.Maml(inner_steps=3), tasks="avatar")
    other = one.replace(families=["social"], rounds=7)
    assert (other.clients, other.algorithm, other.tasks, other.rounds) == (20, mf.Maml(inner_steps=3), "social", 7)
    assert one.rounds == 200


def test_the_manifest_names_no_session_where_there_is_none(small):
    assert "session" not in manifest(Path(small.folder))
