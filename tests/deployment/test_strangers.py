"""Who does not belong stays out: real SuperLink, real SuperNodes, and the refusal is in a log."""

import shutil

import pytest

from simulation import HOME as ROOT
from simulation.deployment.certificates import issue
from simulation.deployment.control import Control
from simulation.deployment.errors import Refused
from simulation.deployment.processes import free_ports, program
from tests.deployment.waiting import PATIENCE, said, until


def supernode(federation, *words):
    """Return the command of a SuperNode on a port of its own."""
    (port,) = free_ports(1)
    return [program("flower-supernode"), "--superlink", federation.address, "--port", str(port), *map(str, words)]


def superlink_log(federation):
    return federation.processes["superlink"].log


def status(control, node_id):
    return next(node.status for node in control.nodes() if node.node_id == node_id)


@pytest.mark.slow
def test_a_node_without_key(federation, control):
    before = control.nodes()
    stranger = federation.start("no-key", supernode(federation, "--root-certificates", federation.operator / "ca.crt"))
    assert stranger.wait(PATIENCE) == 1
    assert "All SuperNodes must be registered" in stranger.log.read_text()
    assert "[/v1/fleet/register-node][ApiError:2001]" in superlink_log(federation).read_text()
    assert control.nodes() == before


def test_a_node_with_an_unregistered_key(federation, control):
    before = control.nodes()
    stranger = federation.start_node(2)
    assert stranger.wait(PATIENCE) == 1
    assert "Failed to activate SuperNode" in stranger.log.read_text()
    assert "No SuperNode found with the given public key" in superlink_log(federation).read_text()
    assert control.nodes() == before


@pytest.mark.slow
def test_a_node_whose_key_was_revoked(federation, control):
    node_id = control.register(federation.operator / "node-0.pub", "node-0")
    assert control.register(federation.operator / "node-0.pub", "node-0") == node_id  # a known key keeps its id
    member = federation.start_node(0)
    until(lambda: status(control, node_id) == "online", "the registered node joins")
    control.expel(node_id)
    assert member.wait(PATIENCE) is not None  # it is not let in any more, and ends
    assert '"POST /v1/fleet/pull-messages HTTP/1.1" 401' in superlink_log(federation).read_text()
    again = federation.start_node(0)
    assert again.wait(PATIENCE) == 1
    assert "Failed to activate SuperNode" in again.log.read_text()
    with pytest.raises(Refused, match="Public key already in use"):
        control.register(federation.operator / "node-0.pub", "node-0")
    assert status(control, node_id) == "unregistered"


@pytest.mark.slow
def test_a_node_that_trusts_another_authority(federation, control, tmp_path):
    issue(tmp_path, (), 1)
    node_id = control.register(federation.operator / "node-1.pub", "node-1")
    misled = federation.start_node(1, root=tmp_path / "node-0" / "ca.crt")
    assert misled.wait(PATIENCE) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in misled.log.read_text()
    words = "[Guard] Refused a connection from 127.0.0.1: SSLError [SSL: TLSV1_ALERT_UNKNOWN_CA]"
    assert said(superlink_log(federation), words)
    assert status(control, node_id) == "registered"


def test_plain_http_to_the_tls_port(federation, plain):
    plain.sendall(b"GET /health HTTP/1.1\r\nHost: superlink\r\n\r\n")
    assert plain.recv(1000) == b""
    assert said(superlink_log(federation), "[Guard] Refused a connection from 127.0.0.1: SSLError [SSL: HTTP_REQUEST]")


def test_an_insecure_node(federation, control):
    before = control.nodes()
    stranger = federation.start("insecure", supernode(federation, "--insecure", "--max-retries", 1))
    assert stranger.wait(PATIENCE) == 1
    assert control.nodes() == before


@pytest.mark.parametrize(("key", "reason"), [("another-key-of-decent-length", "a wrong control key")])
def test_a_run_submitted_with_a_wrong_key(federation, control, tmp_path, key, reason):
    shutil.copy(federation.operator / "ca.crt", tmp_path)
    (tmp_path / "control.key").write_text(key)
    with Control(federation.address, tmp_path) as stranger, pytest.raises(Refused, match=rf"refused \(401\): {reason}"):
        stranger.submit(ROOT, {})
    assert f"[Guard] Refused /v1/control/start-run to 127.0.0.1: {reason}" in superlink_log(federation).read_text()
    with pytest.raises(Refused, match="Run ID not found"):
        control.status(1)


@pytest.mark.slow
def test_a_run_submitted_without_credentials_by_flowers_own_command(federation, tmp_path):
    import os
    import subprocess

    (tmp_path / "config.toml").write_text(
        f'[superlink]\ndefault = "it"\n[superlink.it]\naddress = "{federation.address}"\n'
        f'root-certificates = "{federation.operator / "ca.crt"}"\n'
    )
    done = subprocess.run(
        [program("flwr"), "run", str(ROOT)],
        env={**os.environ, "FLWR_HOME": str(tmp_path), "FLWR_DISABLE_UPDATE_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert "Successfully started" not in done.stdout
    log = superlink_log(federation).read_text()
    assert "[Guard] Refused /v1/control/start-run to 127.0.0.1: no control key" in log


NOSY = """
from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()


@app.main()
def main(grid, context):
    (node,) = grid.get_node_ids()
    content = RecordDict({"theta": ArrayRecord({}), "ask": ConfigRecord({"clients": [1, 2], "round": 1})})
    (reply,) = grid.send_and_receive([Message(content, node, MessageType.TRAIN)])
    Path(str(context.run_config["out"])).write_text("refused" if reply.has_error() else "answered")
"""


@pytest.mark.slow
def test_a_client_that_the_node_does_not_host(federation, control, tmp_path):
    app = tmp_path / "app"
    for room in ("client", "metafed", "server"):
        shutil.copytree(ROOT / room, app / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", app)
    shutil.copy(ROOT / "LICENSE", app)
    (app / "server" / "app.py").write_text(NOSY)
    node_id = control.register(federation.operator / "node-1.pub", "node-1")
    node = federation.start_node(1)  # it hosts 1, 4, 7 …
    until(lambda: status(control, node_id) == "online", "the node joins")
    answer = tmp_path / "answer"
    run_id = control.submit(app, {"clients": 6, "unseen": 0.0, "tasks": "personalization", "out": str(answer)})
    until(lambda: control.status(run_id).status == "finished", "the run ends", 600)
    assert answer.read_text() == "refused"
    assert "which does not hold the clients [2]" in node.log.read_text()
