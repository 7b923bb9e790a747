"""``python -m simulation.deployment.members``: the operator lists, registers and expels nodes of a real SuperLink."""

import pytest

from simulation.deployment.certificates import node_key
from tests.simulation.command.running import command


@pytest.fixture
def members(federation):
    def asked(*words):
        known = ["--superlink", federation.address, "--credentials", federation.operator]
        return command(*known, *words, module="simulation.deployment.members")

    return asked


def test_register_list_expel(members, tmp_path):
    node_key(tmp_path)
    registered = members("register", tmp_path / "node.pub", "--name", "visitor")
    assert registered.returncode == 0, registered.stderr
    node_id = registered.stdout.strip()
    assert any(line.split() == [node_id, "registered", "visitor"] for line in members("list").stdout.splitlines())
    assert members("expel", "visitor").returncode == 0
    assert any(line.split() == [node_id, "unregistered", "visitor"] for line in members("list").stdout.splitlines())
    again = members("expel", "visitor")
    assert again.returncode == 1
    assert "0 registered nodes are called 'visitor'" in again.stderr


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDlO5rqQ3E2ykvGJc1xU6p5kqB2oZ1o8v5wq0mQ9ZyqS\n"]
)
def test_what_is_no_key_is_told(members, tmp_path, text):
    (tmp_path / "node.pub").write_text(text)
    done = members("register", tmp_path / "node.pub")
    assert done.returncode == 1
    assert f"{tmp_path / 'node.pub'}: " in done.stderr
    assert "Traceback" not in done.stderr
