"""Bad input: one clear message, exit code 2, nothing overwritten and nothing left behind."""

import re

import pytest

from metafed.experiment.lookup import KINDS
from simulation.run import main
from tests.simulation.command.running import command

BAD = {
    "unknown flag": (["--cliens", "3"], ["--cliens", "--clients"]),
    "unknown family": (["--tasks", "avatr"], ["avatr", "avatar", "personalization"]),
    "unknown data set": (["--tasks", "avatar:bandai_motoin"], ["bandai_motoin", "bandai_motion"]),
    "family twice": (["--tasks", "avatar,avatar"], ["--tasks", "avatar", "twice"]),
    "no family": (["--tasks", ""], ["--tasks", "no family"]),
    "cohort above clients": (["--cohort", "80", "--clients", "50"], ["--cohort 80", "--clients 50", "at most 50"]),
    "cohort above seen": (["--cohort", "45"], ["--cohort 45", "40 clients", "at most 40"]),
    "negative rate": (["--inner-lr", "-0.1"], ["--algorithm.inner-lr", "-0.1", "greater than 0"]),
    "negative outer rate": (["--outer-lr", "-1"], ["--outer-lr", "-1", "greater than 0"]),
    "rate not finite": (["--outer-lr", "nan"], ["--outer-lr", "nan"]),
    "reference's setting twice": (
        ["--references", "maml:inner-lr=1:inner_lr=2"],
        ["--references", "inner-lr is given twice"],
    ),
    "argument of a network": (
        ["--network", "mlp", "--network.width", "nan"],
        ["--network.width nan: give true or false, a whole number, a finite number, a text\n"],
    ),
    "no number": (["--clients", "many"], ["--clients", "many"]),
    "no clients": (["--clients", "0"], ["--clients", "0", "greater than or equal to 1"]),
    "unseen": (["--unseen", "1.5"], ["--unseen", "1.5", "less than 1"]),
    "no chunk": (["--chunk", "0"], ["--chunk 0", "auto"]),
    "unknown device": (["--device", "gpu"], ["--device 'gpu'", "auto, cpu, cuda or cuda:N"]),
    "device that is not here": (["--device", "cuda:999"], ["--device cuda:999", "CUDA"]),
    "device that is not here, engine ray": (["--device", "cuda:999", "--engine", "ray"], ["--device cuda:999", "CUDA"]),
    "two say which GPU": (["--device", "cuda:1", "--worker-gpus", "0.5"], ["--device cuda:1", "--worker-gpus 0.5"]),
    "workers of no Ray": (["--workers", "3"], ["--workers 3 does nothing with --engine local"]),
    "cluster of no Ray": (["--ray-address", "x"], ["--ray-address x does nothing with --engine local"]),
    "argument of no factory": (["--network.width", "3"], ["--network.width does nothing: the network is auto"]),
    "unknown engine": (["--engine", "spark"], ["--engine", "spark", "ray", "local"]),
    "unknown algorithm": (["--algorithm", "mamll"], ["--algorithm", "mamll", "maml"]),
    "algorithm outside": (["--algorithm", "nowhere:Mine"], ["--algorithm", "nowhere:Mine", "cannot be imported"]),
    "no algorithm": (["--algorithm", "pathlib:Path"], ["--algorithm", "pathlib:Path", "no subclass"]),
    "setting of another": (["--algorithm.tau", "2"], ["--algorithm.tau"]),
    "optimizer without rate": (["--outer-optimizer", "momentum"], ["--outer-optimizer momentum", "--outer-lr"]),
    "missing config": (["--config", "nowhere.toml"], ["nowhere.toml", "No such file"]),
    "flag without value": (["--config"], ["--config", "needs a value"]),
    "missing data": (["--tasks", "assistant:clinc150", "--data-dir", "nowhere"], ["clinc150", "nowhere", "--data-dir"]),
}


@pytest.mark.parametrize("case", BAD)
def test_one_message_and_exit_code_2(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments, named = BAD[case]
    try:
        code = main([*arguments, "--engine", "local"] if "--engine" not in arguments else arguments)
    except SystemExit as leave:
        code = leave.code
    said = capsys.readouterr()
    text = said.err + said.out
    assert code == 2
    assert "Traceback" not in text
    for words in named:
        assert words in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cleints = 3\n", ["cleints", "clients"]),
        ("clients = -3\n", ["--clients", "-3"]),
        ("[algorithm]\nname = 'maml'\ninner-rate = 0.1\n", ["inner-rate"]),
        ("clients = \n", ["not TOML"]),
        ("clients = 'many'\n", ["--clients", "many"]),
    ],
)
def test_a_bad_config_file(text, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(text)
    assert main(["--config", "bad.toml"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for words in ["bad.toml", *named]:
        assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_an_existing_folder_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("mine")
    assert main(["--out", str(tmp_path / "run"), "--engine", "local"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["precious"]


def test_an_unwritable_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert main(["--out", str(tmp_path / "file" / "run"), "--engine", "local"]) == 2
    said = capsys.readouterr().err
    assert "--out" in said
    assert "Not a directory" in said


@pytest.mark.ray
@pytest.mark.slow
def test_more_workers_than_a_cluster_has(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    done = command("--worker-gpus", 64, "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "--worker-gpus 64" in done.stderr
    assert not (tmp_path / "run").exists()


def test_help_names_every_flag_once_and_what_is_chosen_by_name_with_its_choices(capsys):
    with pytest.raises(SystemExit) as leave:
        main(["--help", "--objective", "qffl"])
    assert leave.value.code == 0
    text = capsys.readouterr().out
    flags = "clients rounds cohort tasks algorithm inner-steps inner-lr outer-lr outer-optimizer engine workers"
    for flag in f"{flags} chunk unseen eval-every seed data-dir out config quiet objective sampling aggregator".split():
        assert len(re.findall(rf"^[│ ]*--{flag} ", text, re.MULTILINE)) == 1, flag
    words = " ".join(text.replace("│", " ").split())
    for what, kinds in KINDS.items():
        named = words.split(f"--{what} NAME ")[1].split(" or MODULE:CLASS")[0]
        assert named.endswith(f"{', '.join(kinds.table)},"), what
    assert "--objective.q " in text  # its settings are those of what is chosen
    assert "(default: qffl)" in words
