"""Classes of a notebook's cell work with both engines; who does not have them says so."""

import subprocess
import sys
import textwrap

import pytest

import metafed as mf
from metafed.core import session
from simulation import simulate
from tests.simulation.command.running import command, manifest, sha

SMALL = {"clients": 9, "cohort": 4, "rounds": 2, "width": 6, "eval_every": 0}
CELL = """
import numpy as np
from torch import nn
import metafed as mf
from simulation import simulate

class Slower(mf.MetaGradient):
    def rates(self, start, steps):
        return [{name: self.inner_lr / (step + 1) for name in start} for step in range(steps)]

class Cube(mf.Objective):
    separability = "sums"
    def share(self, updates, ask):
        weights = updates.weights.double() * updates.losses.double() ** 3
        return mf.Tilted(t=1).share(updates._replace(weights=weights), ask)

class Half(mf.Aggregator):
    def combine(self, updates, before=None):
        return updates.mean(0) / 2

class First(mf.Sampler):
    def cohort(self, scene, rng):
        return list(range(scene.size))

class Players(mf.Source):
    features, outputs, clients, notes, files = 4, 1, None, (), ()
    def __init__(self, origin):
        self.seed = origin.seed
    def examples(self, client):
        rng = np.random.default_rng([self.seed, client])
        x = rng.normal(size=(40, 4))
        y = x @ rng.normal(size=(4, 1)) + 0.3 * rng.normal(size=(40, 1))
        return mf.Examples(x, y, "all", np.full(40, 0.09))

rhythm = mf.Family("rhythm", "regression", mf.Shots(8, 8, 8, False), {"generated": Players}, inner_lr=0.02)

class Small(nn.Module):
    def __init__(self, inputs, outputs, hidden=4):
        super().__init__()
        self.body, self.head = nn.Linear(inputs.size, hidden), nn.Linear(hidden, outputs)
    def forward(self, x):
        return self.head(self.body(x).tanh())

experiment = mf.Experiment(
    clients=9, cohort=4, rounds=2, eval_every=0, families=[rhythm, "avatar"],
    algorithm=Slower(inner_steps=2), {more}, sampling=First(), network=Small,
)
"""


def classes():
    """Return what a cell defines, here as it does: in no module that could be imported."""

    class Slower(mf.MetaGradient):
        def rates(self, start, steps):
            return [dict.fromkeys(start, self.inner_lr / (step + 1)) for step in range(steps)]

    return Slower


def test_a_class_without_a_module_gets_a_name_of_the_session():
    one, other = classes(), classes()
    names = [session.name_of(each) for each in (one, other, one)]
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("session:Slower") for name in names)
    assert session.name_of(mf.Maml) == "metafed.algorithms.maml:Maml"
    experiment = mf.Experiment(**SMALL, algorithm=other(inner_steps=2))
    assert mf.Experiment.from_run_config(experiment.to_run_config()) == experiment


def test_a_run_by_a_class_of_a_cell_says_so_and_goes_on_in_its_session_only(tmp_path):
    experiment = mf.Experiment(**SMALL, algorithm=classes()(inner_steps=2))
    run = simulate(experiment, engine="local", out=tmp_path / "run", progress=False)
    (name,) = manifest(run.folder)["session"]
    assert manifest(run.folder)["experiment"]["algorithm"]["name"] == name
    plain = simulate(experiment.replace(algorithm=mf.Maml(inner_steps=2)), engine="local", progress=False)
    assert run.theta_sha256 != plain.theta_sha256
    done = command("--resume", tmp_path / "run", "--rounds", "3")
    assert done.returncode == 2
    assert f"algorithm '{name}' was defined in a Python session, which no other process knows" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    longer = simulate(experiment.replace(rounds=3), engine="local", progress=False)
    assert run.resume(rounds=3, progress=False).theta_sha256 == longer.theta_sha256
    assert run.verify() is None or sha(run.folder) == longer.theta_sha256


def test_a_deployment_refuses_such_a_class_with_the_reason():
    settings = mf.Experiment(**SMALL, algorithm=classes()(inner_steps=2)).to_run_config()
    code = f"from metafed.experiment.settings import Experiment; Experiment.from_run_config({settings!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "was defined in a Python session, which no other process knows: save it in a module" in done.stderr


@pytest.mark.ray
@pytest.mark.parametrize("more", ["objective=Cube()", "aggregator=Half()"])
def test_all_kinds_of_classes_of_a_script_give_the_same_bits_on_both_engines(more, tmp_path):
    code = CELL.replace("{more}", more) + textwrap.dedent(
        """
        found = [simulate(experiment, progress=False, **how) for how in ({"engine": "local"}, {"workers": 2})]
        assert found[0].theta_sha256 == found[1].theta_sha256
        assert len(found[1].manifest["session"]) == 5, found[1].manifest["session"]
        print("same bits")
        """
    )
    (tmp_path / "cell.py").write_text(code)
    done = subprocess.run([sys.executable, "cell.py"], capture_output=True, text=True, cwd=tmp_path)
    assert "same bits" in done.stdout, done.stderr
