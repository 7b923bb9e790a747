"""``--seeds`` and ``--references``: every run of a study is the run that its seed alone would be."""

import json
import shutil
import signal
import subprocess
import sys

import pytest

from server.files import held
from simulation.run import main
from tests.simulation.command.running import clients, command, manifest, rounds, run, sha

SMALL = ("--clients", 12, "--cohort", 6, "--rounds", 2, "--width", 8, "--tasks", "assistant", "--chunk", 3)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two seeds of Ditto, which has personal states, and two references, by one engine in process."""
    return run(
        tmp_path_factory.mktemp("study") / "study",
        *(*SMALL, "--engine", "local", "--algorithm", "ditto", "--seed", 3, "--seeds", 2),
        *("--references", "local:inner-steps=2,global"),
    )


@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_of_a_study_is_the_run_of_that_seed_alone(study, seed, tmp_path):
    inside = study / f"seed-{seed}"
    alone = run(tmp_path / "alone", *SMALL, "--engine", "local", "--algorithm", "ditto", "--seed", seed)
    assert sha(inside) == sha(alone)
    assert rounds(inside) == rounds(alone)
    assert clients(inside).equals(clients(alone))
    assert (inside / "config.toml").read_text() == (alone / "config.toml").read_text()
    assert {path.name for path in inside.iterdir()} == {path.name for path in alone.iterdir()}


@pytest.mark.slow
@pytest.mark.ray
def test_by_ray_the_workers_are_shared_and_the_bits_are_those_of_a_run_alone(tmp_path):
    words = (*SMALL, "--engine", "ray", "--workers", 2, "--worker-cpus", 0.5, "--algorithm", "ditto")
    both = run(tmp_path / "both", *words, "--seeds", 2)
    alone = run(tmp_path / "alone", *words, "--seed", 1)
    assert sha(both / "seed-1") == sha(alone)
    assert clients(both / "seed-1").equals(clients(alone))


def test_references_are_the_named_algorithms_with_the_same_clients(study):
    folders = [study / f"{name}seed-4" for name in ("", "local/", "global/")]
    own, alone, everyone = (clients(folder).filter(phase="evaluate") for folder in folders)
    last = own.filter(step=0, round=2).select("client", "group", "n", "query")
    assert alone.filter(step=0, round=2).select("client", "group", "n", "query").equals(last)
    assert manifest(study / "local" / "seed-4")["experiment"]["algorithm"] | {"inner_lr": 0} == {
        "name": "local",
        "inner_steps": 2,
        "inner_lr": 0,
    }
    assert alone["step"].max() == own["step"].max()  # as many steps in evaluation
    assert everyone["step"].max() == 0  # not adapted
    assert manifest(study / "global" / "seed-4")["experiment"]["algorithm"]["name"] == "fedavg"


def test_the_summary_across_seeds_is_the_mean_of_the_seeds_and_names_who_is_worse_off(study):
    summary = json.loads((study / "summary.json").read_text())
    assert (summary["kind"], summary["seeds"], summary["references"]) == ("study", [3, 4], ["local", "global"])
    cells = summary["unseen"]["all"]["methods"]["Ditto"]
    each = [json.loads((study / f"seed-{seed}" / "summary.json").read_text())["unseen"] for seed in (3, 4)]
    assert list(cells["after"]["points"].values()) == [one["after"]["value"] for one in each]
    assert cells["after"]["value"] == pytest.approx(sum(one["after"]["value"] for one in each) / 2)
    assert 0 <= cells["worse_off"]["value"] <= 1
    assert summary["unseen"]["all"]["methods"]["local"]["worse_off"]["value"] == 0
    assert cells["after"]["low"] is None
    assert "fewer than 5 seeds" in cells["after"]["method"]
    assert "points only" in summary["remarks"][0]


def test_the_manifest_says_what_the_study_is(study):
    about = json.loads((study / "manifest.json").read_text())
    assert about["exit_reason"] == "done"
    assert about["finished"] == about["members"]
    assert about["members"] == [f"{name}seed-{seed}" for name in ("", "local/", "global/") for seed in (3, 4)]


def test_a_study_that_stopped_goes_on_and_ends_as_one_that_did_not(study, tmp_path):
    stopped = tmp_path / "study"
    shutil.copytree(study, stopped)
    shutil.rmtree(stopped / "global")
    broken = stopped / "local" / "seed-4"
    (broken / "manifest.json").write_text(json.dumps({**manifest(broken), "exit_reason": "interrupted"}))
    (stopped / "summary.json").unlink()
    kept = (stopped / "seed-3" / "clients.parquet").stat().st_mtime_ns
    refused = command("--resume", stopped, "--rounds", 9)
    assert refused.returncode == 2
    assert "leave --rounds out" in refused.stderr
    done = command("--resume", stopped)
    assert done.returncode == 0, done.stderr
    assert (stopped / "seed-3" / "clients.parquet").stat().st_mtime_ns == kept
    for name in manifest(study)["members"]:
        assert sha(stopped / name) == sha(study / name)
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (study, stopped)]
    assert summaries[0] == summaries[1]


def test_a_second_process_does_not_remove_what_the_first_computes(study, tmp_path, capsys):
    shutil.copytree(study, tmp_path / "study")
    broken = tmp_path / "study" / "seed-4"
    (broken / "manifest.json").write_text(json.dumps({**manifest(broken), "exit_reason": None}))
    with held(tmp_path / "study"):
        assert main(["--resume", str(tmp_path / "study")]) == 2
    assert "another process computes its runs" in capsys.readouterr().err
    assert sha(broken) == sha(study / "seed-4")


@pytest.mark.parametrize("text", ['{"run', "[]", '{"exit_reason": "done", "experiment": {}}'])
def test_a_run_whose_manifest_is_damaged_is_not_removed(study, tmp_path, text, capsys):
    shutil.copytree(study, tmp_path / "study")
    path = tmp_path / "study" / "local" / "seed-3" / "manifest.json"
    path.write_text(text)
    assert main(["--resume", str(tmp_path / "study")]) == 2
    said = capsys.readouterr().err
    assert str(path) in said
    assert "move" in said
    assert said.count("\n") == 1
    assert (path.parent / "clients.parquet").is_file()


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(tmp_path):
    out = tmp_path / "study"
    words = ["--clients", 12, "--cohort", 6, "--rounds", 100_000, "--engine", "local", "--seeds", 3, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulation.run", *map(str, words), "--eval-every", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("[     4/"):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert f"--resume {out}" in said
    assert manifest(out)["exit_reason"] == "interrupted"
    assert manifest(out)["finished"] == []
    assert manifest(out / "seed-0")["exit_reason"] == "interrupted"
    assert (out / "seed-0" / "clients.parquet").exists()
    notes = json.loads((out / "summary.json").read_text())["notes"]
    assert any("interrupted" in note for note in notes)


BAD = {
    "unknown reference": (["--references", "loccal"], ["loccal", "local"]),
    "reference twice": (["--references", "local,local"], ["local", "twice"]),
    "setting without value": (["--references", "local:inner-steps"], ["NAME:SETTING=VALUE"]),
    "unknown setting": (["--references", "local:steps=3"], ["--references local", "steps"]),
    "no seed": (["--seeds", "0"], ["--seeds", "greater than or equal to 1"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_and_leaves_nothing(case, tmp_path):
    arguments, named = BAD[case]
    done = command(*arguments, "--engine", "local", "--rounds", 1, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    for words in named:
        assert words in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_missing_data_leave_nothing(tmp_path):
    words = ("--tasks", "assistant:clinc150", "--data-dir", "nowhere", "--engine", "local")
    done = command(*words, "--seeds", 2, "--out", tmp_path / "a" / "study")
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
