"""``--objective NAME --objective.SETTING``, in files, in Flower's run config; and what is refused."""

import tomllib

import pytest

from metafed.experiment.settings import Experiment
from metafed.objectives import OBJECTIVES, Cvar, Gap, Mean, Minimax, Qffl, Tilted
from simulation.cli.flags import parse
from simulation.run import main
from tests.cases import some
from tests.simulation.command.running import manifest, sha


@pytest.mark.parametrize("name", some(OBJECTIVES, "minimax", "cvar"))
def test_every_objective_runs_and_is_named_on_the_console_and_in_the_record(name, tmp_path, capsys):
    out = tmp_path / "run"
    flags = ["--engine", "local", "--objective", name, "--clients", "12", "--rounds", "3", "--width", "8"]
    assert main([*flags, "--out", str(out)]) == 0
    assert f"objective {name}" in "\n".join(capsys.readouterr().out.splitlines()[:3])
    about = manifest(out)
    expected = {"name": name, **{k: v for k, v in OBJECTIVES[name]().model_dump().items() if v is not None}}
    assert about["experiment"]["objective"] == expected
    assert tomllib.loads((out / "config.toml").read_text())["objective"] == expected
    assert about["exit_reason"] == "done"
    if name == "minimax":  # the record's own settings run again, to the same bits
        assert (
            main(["--config", str(out / "config.toml"), "--out", str(tmp_path / "again"), "--quiet", "--no-report"])
            == 0
        )
        assert sha(tmp_path / "again") == sha(out)


def chosen(*words):
    return parse(list(words)).experiment.objective


def test_flags_files_and_both(tmp_path):
    assert chosen() == Mean()
    assert chosen("--objective", "qffl", "--objective.q", "2") == Qffl(q=2)
    assert chosen("--objective=tilted", "--objective.t", "-3") == Tilted(t=-3)
    assert chosen("--objective", "minimax", "--objective.over", "groups") == Minimax(over="groups")
    file = tmp_path / "run.toml"
    file.write_text("[objective]\nname = 'cvar'\nalpha = 0.3\n")
    assert chosen("--config", str(file)) == Cvar(alpha=0.3)
    assert chosen("--config", str(file), "--objective", "cvar", "--objective.rate", "1") == Cvar(alpha=0.3, rate=1)
    assert chosen("--config", str(file), "--objective", "gap") == Gap()
    file.write_text("objective = 'gap'\n")
    assert chosen("--config", str(file), "--objective.lam", "0.2") == Gap(lam=0.2)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_run_config_carries_it(name):
    experiment = Experiment(objective=OBJECTIVES[name]())
    assert Experiment.from_run_config(experiment.to_run_config()) == experiment


def test_flowers_run_config():
    given = {"objective.name": "qffl", "objective.q": 3, "objective.t": "", "objective.settings": ""}
    assert Experiment.from_run_config(given).objective == Qffl(q=3)
    packed = {"objective.name": "qffl", "objective.settings": "q = 2, lipschitz = 5.0"}
    assert Experiment.from_run_config(packed).objective == Qffl(q=2, lipschitz=5)


BAD = {
    "near miss": (["--objective", "qfll"], ["--objective", "qfll", "did you mean 'qffl'", "propfair"]),
    "setting of another": (["--objective", "qffl", "--objective.t", "2"], ["--objective.t"]),
    "out of range": (["--objective", "cvar", "--objective.alpha", "1.5"], ["--objective.alpha", "1.5", "less than"]),
    "negative power": (["--objective", "qffl", "--objective.q", "-1"], ["--objective.q", "-1", "greater than"]),
    "bound below eps": (["--objective", "propfair", "--objective.bound", "0.1"], ["--objective.eps 0.2", "bound 0.1"]),
    "no objective": (["--objective", "pathlib:Path"], ["pathlib:Path", "metafed.objectives.Objective"]),
    "an algorithm": (["--objective", "metafed.algorithms:Maml"], ["no subclass of metafed.objectives.Objective"]),
    "outside": (["--objective", "nowhere:Mine"], ["objective 'nowhere:Mine' cannot be imported"]),
    "averaging": (["--objective", "qffl", "--algorithm", "ditto"], ["--objective qffl", "algorithm ditto", "mean"]),
    "local": (["--objective", "weighted", "--algorithm", "local"], ["--objective weighted", "send nothing"]),
    "weighted twice": (["--objective", "weighted", "--algorithm", "fedavg"], ["weighs clients by their rows already"]),
    "no value": (["--objective"], ["--objective needs a value"]),
}


@pytest.mark.parametrize("case", BAD)
def test_one_message_and_exit_code_2(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments, named = BAD[case]
    try:
        code = main([*arguments, *([] if case == "no value" else ["--engine", "local"])])
    except SystemExit as leave:
        code = leave.code
    said = capsys.readouterr()
    assert code == 2
    for words in named:
        assert words in said.err + said.out
    assert "Traceback" not in said.err + said.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("objective = 'tiltd'\n", ["tiltd", "did you mean 'tilted'"]),
        ("[objective]\nname = 'cvar'\nalhpa = 0.1\n", ["alhpa"]),
        ("algorithm = 'reptile'\nobjective = 'gap'\n", ["--objective gap", "reptile"]),
    ],
)
def test_a_bad_file(text, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(text)
    assert main(["--config", "bad.toml"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for words in named:
        assert words in said
