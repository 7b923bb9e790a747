"""Driving docker-compose as a person would, from a copy of what git would give."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONG = 3000
PROJECT = "metafed-test"
SERVICES = ["certificates", "superlink", *(f"supernode-{number}" for number in range(4)), "run"]


def compose(folder, *words, timeout=LONG, project=PROJECT, **settings):
    """Run docker-compose, or Compose v2 where that is not installed, with ``settings`` in place of those of .env."""
    program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    return subprocess.run(
        [*program, "-p", project, *words],
        cwd=folder,
        env={**os.environ, **{name: str(value) for name, value in settings.items()}},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def docker(*words, timeout=LONG):
    """Run a docker command that must succeed; returns what it printed."""
    done = subprocess.run(["docker", *map(str, words)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout


def container(service, project=PROJECT):
    """Return the id of a service's container, running or not."""
    labels = [f"com.docker.compose.project={project}", f"com.docker.compose.service={service}"]
    (found,) = docker("ps", "-aq", *(word for label in labels for word in ("--filter", f"label={label}"))).split()
    return found


def logs_of(name):
    """Return what a container has said, on both streams."""
    done = subprocess.run(["docker", "logs", name], capture_output=True, text=True, timeout=LONG)
    return done.stdout + done.stderr


def lines(record, project=PROJECT):
    """Return the whole lines of a record's rounds, without their seconds, as the SuperLink's volume has them now."""
    words = ["docker", "exec", container("superlink", project), "cat", f"/records/{record}/rounds.jsonl"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONG)
    found = [json.loads(text) for text in done.stdout.split("\n")[:-1]]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in found]
