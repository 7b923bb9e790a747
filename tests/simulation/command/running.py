"""Run the literal command in a process of its own."""

import json
import resource

import polars as pl

from tests.forked import forked
from tests.forked import module as run_module


def command(*arguments, module="simulation.run", cwd=None, env=None, timeout=300):
    """Return the finished process."""
    return forked(run_module, module, *map(str, arguments), cwd=cwd, env=env, timeout=timeout)


def on_a_small_disk(most, *arguments):
    """Return the finished process of a simulation that may write no file of more than ``most`` bytes."""
    return forked(_limited, most, *map(str, arguments))


def _limited(most, *words):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    run_module("simulation.run", *words)


def run(out, *arguments, report=False, **how):
    """Run a simulation that must succeed, and return its folder."""
    done = command("--out", out, *arguments, *([] if report else ["--no-report"]), **how)
    assert done.returncode == 0, done.stderr + done.stdout
    return out


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def sha(folder):
    found = manifest(folder)["theta_sha256"]
    assert len(found) == 64
    return found


def rounds(folder):
    """Return the lines of rounds.jsonl without what differs from run to run: the wall time."""
    lines = [json.loads(text) for text in (folder / "rounds.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def clients(folder):
    return pl.read_parquet(folder / "clients.parquet")
