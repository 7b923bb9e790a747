"""A table with weights is the same run as a file and as a frame, in one process and on Ray's workers."""

import pytest

import metafed as mf
from simulation import simulate
from tests.metafed.data.table.test_weights import ROLES, table
from tests.simulation.command.running import sha

DESCRIBED = 'data = "t.csv"\nclient = "user"\ntarget = "y"\nfeatures = ["a", "b"]\nweight = "w"\n'
HOW = {"clients": 8, "rounds": 2, "width": 6, "unseen": 0.25, "chunk": 2, "local": {"epochs": 1, "batch_size": 3}}


@pytest.mark.ray
@pytest.mark.slow
def test_a_file_a_frame_and_two_workers_give_the_same_bits(tmp_path):
    frame = table()
    frame.write_csv(tmp_path / "t.csv")
    (tmp_path / "t.toml").write_text(DESCRIBED)
    family = mf.Family.from_frame("t", frame, **ROLES, weight="w")
    plain = mf.Family.from_frame("t", frame, **ROLES)
    named = {
        "frame": simulate(experiment(families=[family]), engine="local", progress=False, out=tmp_path / "frame"),
        "file": simulate(
            experiment(tasks=f"t:{tmp_path}/t.toml"), engine="ray", workers=2, progress=False, out=tmp_path / "file"
        ),
        "plain": simulate(experiment(families=[plain]), engine="local", progress=False, out=tmp_path / "plain"),
    }
    assert sha(tmp_path / "frame") == sha(tmp_path / "file") != sha(tmp_path / "plain")
    scores = {name: run.clients.select("phase", "round", "client", "step", "score") for name, run in named.items()}
    assert scores["frame"].equals(scores["file"])
    assert not scores["frame"].equals(scores["plain"])


def experiment(**own):
    """Return an experiment of local training on those clients."""
    return mf.Experiment(algorithm="fedavg-ft", **HOW, **own)
