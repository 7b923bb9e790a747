"""Runs experiments in one tree. It is executed as a file, so it imports nothing of the present tree.

``python drive.py TREE PLAN.json``: the plan is a list of ``{"name", "kind", "argv", "out"}``. Standard output gets a
line of JSON an experiment: its name and exit code.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

WAIT = 600.0


def command(module: str, argv: list[str]) -> subprocess.Popen[str]:
    """Start the literal command in this tree."""
    words = [sys.executable, "-m", module, *argv]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def inside(argv: list[str]) -> tuple[int, str]:
    """Run the command in this process, without what it prints."""
    from simulation.run import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main(argv)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, said.getvalue()


def interrupted(argv: list[str], out: Path) -> tuple[int, str]:
    """Start a run, end it without warning once it has done some rounds, and resume it."""
    running, lines = command("simulation.run", argv), out / "rounds.jsonl"
    end = time.monotonic() + WAIT
    while running.poll() is None and time.monotonic() < end:
        if lines.is_file() and lines.read_bytes().count(b"\n") > 9:
            running.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    said, _ = running.communicate()
    if running.returncode == 0:
        return -1, "it ended before it was interrupted"
    if running.returncode != -signal.SIGKILL:
        return running.returncode, said
    return inside(["--resume", str(out), "--quiet"])


def run(kind: str, argv: list[str], out: Path) -> tuple[int, str]:
    """Run one experiment and return its exit code, and what it said."""
    if kind == "resume":
        return interrupted(argv, out)
    if kind == "longer":
        code, said = inside(argv)
        return (code, said) if code else inside(["--resume", str(out), "--rounds", "5", "--quiet"])
    if kind in ("ray", "deploy"):
        started = command("simulation.run" if kind == "ray" else "simulation.deploy", argv)
        said, _ = started.communicate(timeout=WAIT)
        return started.returncode, said
    return inside(argv)


def main() -> None:
    """Run the plan."""
    tree, plan = sys.argv[1:]
    sys.path[0] = tree
    os.chdir(tree)
    os.environ["PYTHONPATH"] = tree
    for one in json.loads(Path(plan).read_text()):
        start = time.monotonic()
        try:
            code, said = run(one["kind"], one["argv"], Path(one["out"]))
        except Exception as error:
            code, said = -1, repr(error)
        found = {"name": one["name"], "code": code, "said": said[-600:], "seconds": time.monotonic() - start}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
