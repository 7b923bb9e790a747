"""Law 2: same seed, same bits, whatever the number of Ray workers; the engines agree."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.simulation.command.running import clients, command, manifest, rounds, run, sha

pytestmark = pytest.mark.ray

SMALL = (
    "--clients",
    14,
    "--cohort",
    8,
    "--rounds",
    2,
    "--chunk",
    2,
    "--eval-every",
    1,
    "--width",
    16,
    "--keep-predictions",
)
LATE = ("--devices.tiers", "default", "--devices.deadline", 0.15, "--devices.late", "shorten", "--sampling", "data")
OF_PLAN = ("cohort", "virtual_start", "virtual_seconds", "joules", "late", "shortened", "dropped_out", "offline")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same experiment with devices by three Ray workers, and twice in process."""
    base = tmp_path_factory.mktemp("runs")
    how = dict.fromkeys(("local", "again"), ("--engine", "local"))
    how["ray3"] = ("--engine", "ray", "--workers", 3, "--worker-cpus", 0.5)
    return {name: run(base / name, *SMALL, *LATE, *words) for name, words in how.items()}


def theta(folder):
    (file,) = (folder / "checkpoints").glob("*.safetensors")
    return load_file(file)


def test_any_number_of_workers_gives_the_same_bits(runs):
    first, other = runs["local"], runs["ray3"]
    assert sha(other) == sha(first)
    assert rounds(other) == rounds(first)
    for name in ("clients.parquet", "participation.parquet", "predictions.parquet"):
        assert (other / name).read_bytes() == (first / name).read_bytes()


def test_two_runs_with_one_seed_are_identical(runs):
    assert sha(runs["local"]) == sha(runs["again"])
    assert (runs["local"] / "clients.parquet").read_bytes() == (runs["again"] / "clients.parquet").read_bytes()


def test_engines_agree(runs):
    left, right = theta(runs["local"]), theta(runs["ray3"])
    assert set(left) == {"trunk", "personalization", "assistant", "avatar"}
    for part, vector in left.items():
        np.testing.assert_allclose(vector, right[part], rtol=0, atol=1e-5)
    assert clients(runs["local"]).drop("loss", "score").equals(clients(runs["ray3"]).drop("loss", "score"))
    for one, other in zip(rounds(runs["local"]), rounds(runs["ray3"]), strict=True):
        assert {key: one.get(key) for key in OF_PLAN} == {key: other.get(key) for key in OF_PLAN}


@pytest.mark.slow
def test_another_seed_gives_another_result(runs, tmp_path):
    other = run(tmp_path / "other", *SMALL, *LATE, "--engine", "local", "--seed", 1)
    assert sha(other) != sha(runs["local"])


@pytest.mark.slow
def test_the_config_of_a_record_runs_again(runs, tmp_path):
    first = runs["local"]
    again = run(tmp_path / "again", "--config", first / "config.toml")
    assert sha(again) == sha(first)
    assert rounds(again) == rounds(first)
    changed = run(tmp_path / "changed", "--config", first / "config.toml", "--rounds", 1)
    assert manifest(changed)["experiment"]["rounds"] == 1
    assert manifest(changed)["experiment"]["clients"] == 14


def test_a_record_is_complete_and_tidy(runs):
    folder = runs["ray3"]
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("manifest.json", "config.toml", "rounds.jsonl", "clients.parquet", "summary.json"),
        *("participation.parquet", "predictions.parquet", "checkpoints", "run.log"),
    }
    about = manifest(folder)
    assert about["exit_reason"] == "done"
    assert about["engine"]["workers"] == 3
    assert about["versions"]["flwr"].startswith("1.41.")
    assert about["end"] >= about["start"]
    frame = clients(folder)
    evaluated = frame.filter(phase="evaluate", round=2)
    assert sorted(evaluated["client"].unique()) == list(range(14))
    assert sorted(evaluated["step"].unique()) == [0, 1, 2, 3, 4, 5]
    assert len(evaluated) == 14 * 6
    unseen = set(frame.filter(seen=False)["client"])
    assert unseen == {11, 12, 13}
    assert not unseen & set(frame.filter(phase="train")["client"])
    for line in rounds(folder)[1:]:
        trained = frame.filter(phase="train", round=line["round"])
        assert len(trained) == line["clients"] <= 8
        assert trained["score"].mean() == pytest.approx(line["score"])
        assert trained["loss"].mean() == pytest.approx(line["loss"])


def test_quiet_prints_nothing(tmp_path):
    done = command("--out", tmp_path / "quiet", *SMALL, "--engine", "local", "--quiet", "--rounds", 1)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
