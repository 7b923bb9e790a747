"""Little memory: one message says what is short and what to do."""

import resource
import subprocess
import sys

import pytest

from simulation.cli import room
from simulation.cli.errors import BadInput
from simulation.compare import main as compare


@pytest.mark.parametrize("words", [("run", "--rounds", "1"), ("compare", "x")])
def test_too_few_addresses_are_said_before_anything_begins(words, tmp_path):
    command = 'ulimit -v 1000000 && exec "$0" -m simulation."$@"'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 2
    assert done.stderr.startswith("metafed: ulimit -v 1000000: a process may have 1.0 GiB of addresses")
    assert "ulimit -v unlimited" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def limited(monkeypatch, most):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (most, resource.RLIM_INFINITY))


def test_what_is_enough_or_unlimited_is_not_refused(monkeypatch, capsys):
    for most in (resource.RLIM_INFINITY, 2**40):
        limited(monkeypatch, most)
        room.check_room()
        assert room.short_for_ray() == ""
    limited(monkeypatch, 2**30)
    with pytest.raises(BadInput, match="ulimit -v 1048576"):
        room.check_room()
    with pytest.raises(SystemExit):
        compare(["--help"])  # which needs no room
    assert "ulimit" not in capsys.readouterr().err


def test_ray_that_does_not_start_within_few_addresses_says_so(monkeypatch):
    limited(monkeypatch, 4 * 2**30)
    room.check_room()
    assert "ulimit -v 4194304 may be too little for Ray" in room.short_for_ray()
