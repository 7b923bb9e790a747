"""Numbers without measure, files that are none, modules that do not load: one line, exit code 2, and no waiting."""

import os
import signal
from typing import get_args

import pytest
from annotated_types import Le, Lt

import metafed.algorithms
import metafed.devices.tiers  # noqa: F401  (its models are settings)
from metafed.core.reading import LARGEST, read_text
from metafed.core.settings import Settings
from simulation.run import main
from tests.simulation.command.running import command


@pytest.fixture(autouse=True)
def _no_waiting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def late(number, frame):
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refused(capsys, *arguments):
    """Return the one line that the command says."""
    there = sorted(os.listdir())
    assert main([*map(str, arguments), "--engine", "local"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert len(said) < 500
    assert sorted(name for name in os.listdir() if name != "__pycache__") == there
    return said


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--worker-cpus", "inf"),
        ("--worker-gpus", "inf"),
        ("--workers", 10**9),
        ("--width", 10**9),
        ("--depth", 10**6),
        ("--rounds", 10**30),
        ("--clients", 10**18),
        ("--seed", 10**30),
        ("--filters", 10**9),
        ("--chunk", 10**30),
        ("--inner-steps", 10**12),
        ("--round-timeout", "inf"),
        ("--round-timeout", "1e+300"),
        ("--devices.deadline", "inf"),
        ("--keep", 10**30),
    ],
)
def test_a_number_without_measure(flag, value, capsys):
    said = refused(capsys, flag, value)
    assert flag.lstrip("-") in said
    assert str(value) in said


def test_a_network_that_no_machine_holds(capsys):
    assert "--width 65536" in refused(capsys, "--depth", 1000, "--width", 2**16)


def kinds(of):
    for kind in of.__subclasses__():
        if kind.__module__.split(".")[0] in ("metafed", "simulation"):
            yield kind
            yield from kinds(kind)


def test_every_whole_number_has_an_end():
    bare = [
        f"{kind.__name__}.{name}"
        for kind in kinds(Settings)
        for name, field in kind.model_fields.items()
        if int in (get_args(field.annotation) or (field.annotation,))
        and not any(isinstance(rule, Le | Lt) for rule in field.metadata)
        and name != "chunk"  # by a rule of its own
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[experiment]\nrounds = 3\n", ["experiment", "rounds = 3", "at the top"]),
        ("config = 'other.toml'\n", ["config", "names no other"]),
        ("resume = 'runs/one'\n", ["resume", "flag only"]),
        ("eval-every = 1\neval_every = 2\n", ["eval-every", "twice"]),
        ("[algorithm]\nname = 'maml'\ninner-lr = 0.1\ninner_lr = 0.2\n", ["inner-lr", "twice"]),
        ("[network]\nname = 'gru'\nwidth = [1, 2]\n", ["--network.width [1, 2]"]),
        ("rounds = true\n", ["--rounds", "true"]),
        ("[algorithm]\ninner-lr = true\n", ["inner-lr", "true"]),
        ("worker-cpus = true\n", ["--worker-cpus", "true"]),
        ('out = "a\\u0000b"\n', ["--out", "NUL"]),
        ("clients = " + "9" * 6000, ["bad.toml", "not TOML"]),
        ("clients = 0x" + "f" * 6000, ["--clients", "less than or equal"]),
        ("clients = " + "[" * 3000 + "]" * 3000, ["bad.toml", "nested"]),
        ("a" + ".a" * 3000 + " = 1", ["bad.toml", "nested"]),
    ],
)
def test_a_config_file_that_means_something_else(text, named, capsys, tmp_path):
    (tmp_path / "bad.toml").write_text(text)
    said = refused(capsys, "--config", "bad.toml")
    assert "bad.toml" in said
    for words in named:
        assert words in said


@pytest.mark.parametrize("flag", ["--config", "--faults", "--devices.tiers"])
def test_what_is_no_file(flag, capsys, tmp_path):
    os.mkfifo("pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    (tmp_path / "folder.toml").mkdir()
    with open("hole.toml", "wb") as file:
        file.truncate(10 * 2**30)
    (tmp_path / "signs.toml").write_bytes(b"clients = 3 # caf\xe9")
    for name in ("pipe", "zero", "folder", "hole", "signs"):
        assert f"{flag} {name}.toml" in refused(capsys, flag, f"{name}.toml")


def test_a_record_of_pipes_is_not_waited_for(capsys, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("clients = 3\n")
    os.mkfifo("run/manifest.json")
    assert "--resume run" in refused(capsys, "--resume", "run")
    os.remove("run/manifest.json")
    with open("run/manifest.json", "wb") as file:
        file.truncate(10 * 2**30)
    assert "bytes" in refused(capsys, "--resume", "run")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbfclients = 3\n")
    assert read_text(tmp_path / "marked.toml") == "clients = 3\n"
    assert LARGEST >= 2**20


def test_a_folder_whose_name_is_no_utf8(capsys, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    assert "--out" in refused(capsys, "--out", tmp_path / name / "run")
    assert "--data-dir" in refused(capsys, "--data-dir", name)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye"),
        ("import sys\nsys.exit()", "SystemExit"),
        ("def (", "SyntaxError"),
        ("from metafed.algorithms.base import Algorithm\nclass Mine(Algorithm):\n    pass", "abstract: it lacks adapt"),
        ("from metafed.algorithms import Maml\nclass Mine(Maml.__bases__[0]):\n    strength: float\n", "strength"),
    ],
)
def test_a_module_that_does_not_load(text, named, capsys, tmp_path, request):
    module = f"unusable_{abs(hash(request.node.name))}"
    (tmp_path / f"{module}.py").write_text(text)
    said = refused(capsys, "--algorithm", f"{module}:Mine")
    assert f"{module}:Mine" in said
    assert named in said


def test_the_whole_command_ends_at_once(tmp_path):
    done = command("--config", "/dev/zero", cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
