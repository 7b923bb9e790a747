"""Nodes that have the weights of an encoder themselves: each looks in its own folder, and another hash ends the run."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from simulation.deployment.local import LocalFederation
from simulation.deployment.plan import parse
from tests.deployment.joining import join
from tests.metafed.data.encoder.tiny import save
from tests.simulation.command.running import command, manifest, rounds, run

SETTINGS = [
    *("--tasks", "assistant:clinc150", "--network", "text-encoder", "--network.layers", 1, "--network.rank", 2),
    *("--algorithm", "fomaml", "--clients", 6, "--rounds", 1, "--eval-every", 1),
]


class Apart(LocalFederation):
    """A federation whose nodes work in folders of their own, as they do on machines of their own."""

    def start(self, name, words, variables=None):
        inside = self.folder / "work" / name
        return super().start(name, ["env", "-C", str(inside), *words] if inside.is_dir() else words, variables)


@pytest.fixture(scope="module")
def apart(peft, transformers, tmp_path_factory):
    """Two nodes; node 1 has other weights under the name ``other``."""
    folder = tmp_path_factory.mktemp("apart") / "federation"
    for number, seed in ((0, 0), (1, 1)):
        work = folder / "work" / f"supernode-{number}"
        save(work / "tiny")
        save(work / "other", seed=seed)
    here = save(folder / "work" / "superlink" / "tiny").parent
    save(here / "other")
    with Apart(folder, 2) as made:
        join(made, 2)
        yield made, here


def deploy(apart, data, out, encoder):
    made, here = apart
    there = ["--superlink", made.address, "--credentials", made.operator, "--records", out.parent, "--nodes", 2]
    words = [*there, "--out", out, "--data-dir", data, "--encoder", encoder, *SETTINGS]
    return command(*words, module="simulation.deploy", cwd=here, timeout=900)


def test_nodes_that_are_started_here_get_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = parse(["--nodes", "2", "--encoder", "tiny", *map(str, SETTINGS)]).config.experiment
    assert found.encoder == str(tmp_path / "tiny")


@pytest.mark.slow
def test_nodes_with_weights_of_their_own_compute_what_one_process_does(apart, small_data, tmp_path):
    out = tmp_path / "run"
    done = deploy(apart, small_data, out, "tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line["failed"] for line in rounds(out)] == [[], []]
    own = run(
        tmp_path / "local", "--data-dir", small_data, "--encoder", apart[1] / "tiny", "--engine", "local", *SETTINGS
    )
    assert manifest(out)["networks"] == manifest(own)["networks"]
    name = "checkpoints/round-00000001.safetensors"
    for part, vector in load_file(own / name).items():
        np.testing.assert_allclose(load_file(out / name)[part], vector, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_node_with_other_weights_ends_the_run_before_round_1(apart, small_data, tmp_path):
    out = tmp_path / "run"
    done = deploy(apart, small_data, out, "other")
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join((out / "run.log").read_text().split())
    assert "node 1: its encoder and frozen-weights of assistant differ from the server's" in said
    assert "Traceback" not in done.stderr
    assert rounds(out) == []
