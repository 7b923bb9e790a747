"""Faults of a federation in containers: nothing that was reported is lost, and the exit status tells the truth."""

import subprocess
import time

import pytest

from tests.deployment.waiting import until
from tests.docker.containers import PROJECT, compose, container, docker, lines, logs_of
from tests.simulation.command.running import manifest, rounds

pytestmark = [pytest.mark.docker, pytest.mark.slow]

LONG = 600
"""Flower takes a node for lost after a minute without a heartbeat, and a run too."""
ENDLESS = {"ROUNDS": 1000, "CLIENTS": 8, "TASKS": "personalization", "SETTINGS": "--cohort 4 --eval-every 0"}
MEMBERS = ("superlink", "supernode-0", "supernode-1", "supernode-2", "supernode-3")


@pytest.fixture(scope="module")
def federation(clone, image):
    """The members, without a run."""
    done = compose(clone, "up", "-d", *MEMBERS)
    assert done.returncode == 0, done.stderr
    yield clone
    compose(clone, "down", "-v")


@pytest.fixture
def begin(federation, request):
    """Start runs by the service ``run``; what is left of them is removed."""
    name = f"{PROJECT}-{request.node.name[5:30]}".replace("_", "-")

    def start(**settings):
        record = f"{request.node.name[5:30]}"
        own = {**ENDLESS, **settings}
        own["SETTINGS"] = f"{own['SETTINGS']} --out /runs/{record}"
        done = compose(federation, "run", "-d", "--name", name, "run", **own)
        assert done.returncode == 0, done.stderr
        return name, record

    yield start
    subprocess.run(["docker", "rm", "-f", name], capture_output=True)


def ended(name):
    """Wait until a container has ended; returns its exit status."""
    return int(docker("wait", name, timeout=LONG))


def reported(record, count):
    """Wait until ``count`` rounds after the first evaluation are on disk, and return them."""

    def enough():
        found = lines(record)
        return len(found) > count and found

    try:
        return until(enough, f"{count} rounds of {record}", LONG)
    except AssertionError as error:
        said = {name: logs_of(container(name))[-1500:] for name in MEMBERS}
        raise AssertionError(f"{error}; the members said {said}") from error


def test_a_node_killed_in_a_round_and_started_again(federation, begin):
    name, record = begin()
    reported(record, 1)
    node = container("supernode-1")
    docker("kill", node)
    first = until(lambda: [line for line in lines(record) if line["failed"]], "it is missed", LONG)[0]
    assert {failure["client"] % 4 for failure in first["failed"]} == {1}
    known = len(lines(record))
    docker("start", node)
    until(lambda: any(not line["failed"] for line in lines(record)[known:]), "all are back", LONG)
    found = lines(record)
    assert [line["round"] for line in found] == list(range(len(found)))
    docker("kill", "--signal", "INT", name)
    assert ended(name) == 130
    kept = rounds(federation / "runs" / record)
    assert kept[: len(found)] == found
    assert manifest(federation / "runs" / record)["exit_reason"] == "interrupted"


def test_a_network_cut_for_twenty_seconds(federation, begin):
    name, record = begin()
    before = len(reported(record, 1))
    node = container("supernode-2")
    docker("network", "disconnect", f"{PROJECT}_federation", node)
    time.sleep(20)  # the fault itself
    docker("network", "connect", "--alias", "supernode-2", f"{PROJECT}_federation", node)
    after = until(lambda: any(line["clients"] == 4 for line in lines(record)[before + 1 :]), "all are back", LONG)
    assert after
    docker("kill", "--signal", "TERM", name)
    assert ended(name) == 130
    kept = rounds(federation / "runs" / record)
    assert [line["round"] for line in kept] == list(range(len(kept)))


def test_a_superlink_restarted_with_its_database(federation, begin):
    name, record = begin()
    found = reported(record, 1)
    docker("restart", container("superlink"))
    # the ServerApp ended with its SuperLink, and Flower gives the run up
    assert ended(name) == 1
    said = logs_of(name)
    assert "No heartbeat received from the task" in said or "SuperLink" in said
    kept = rounds(federation / "runs" / record)
    assert kept[: len(found)] == found
    assert manifest(federation / "runs" / record)["exit_reason"].startswith("failed")


def test_after_all_that_a_run_goes_well(federation, begin):
    name, record = begin(ROUNDS=2, SETTINGS="")
    assert ended(name) == 0, logs_of(name)
    kept = rounds(federation / "runs" / record)
    assert [(line["round"], line["failed"]) for line in kept] == [(0, []), (1, []), (2, [])]


def test_a_full_disk_at_the_record(clone, image):
    project = f"{PROJECT}-full"
    small = "driver_opts: {type: tmpfs, device: tmpfs, o: 'size=48k,mode=1777'}"
    (clone / "small.yml").write_text(f"volumes:\n  records:\n    {small}\n")
    how = {"project": project, "COMPOSE_FILE": "docker-compose.yml:small.yml"}
    try:
        done = compose(clone, "up", "--exit-code-from", "run", ROUNDS=50, CLIENTS=24, **how)
        assert done.returncode == 1, done.stdout[-3000:]
        assert "No space left on device" in done.stdout + done.stderr
    finally:
        compose(clone, "down", "-v", **how)
    assert f"{project}_records" not in docker("volume", "ls", "-q")
