"""Processes of their own that need not import torch, Flower and Polars first: one that has is forked.

What a command does there is what it does after ``python -m``: its own working directory, environment, signals, streams
and exit code. ``subprocess`` stays for the tests that kill and for those of the imports themselves.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import Any

WARM = (
    *("torch", "polars", "scipy.special", "sklearn", "safetensors.numpy", "jinja2", "matplotlib.figure"),
    *("matplotlib.backends.backend_svg", "rich.console", "rich.table", "tyro", "pydantic", "pytest"),
    *("server.app", "client.app", "client.host", "simulation.cli.config", "simulation.cli.console"),
    *("simulation.cli.tables", "simulation.engines.local", "simulation.report.command", "simulation.runs.study"),
    *("simulation.deployment.plan", "simulation.deployment.control", "simulation.data.command"),
    *("simulation.runs.resume", "simulation.runs.summary", "simulation.deployment.runs", "simulation.run"),
    "tests.warm",
)
"""A name that does not exist any more costs time and nothing else."""
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(list(WARM))


def forked(
    work: Callable[..., Any],
    *arguments: Any,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> CompletedProcess[str]:
    """Call ``work(*arguments)``, both of which can be pickled, in a process of its own, and wait for its end."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        how = (str(out), str(err), str(cwd or Path.cwd()), dict(os.environ if env is None else env))
        process = CONTEXT.Process(target=_begin, args=(*how, work, arguments))
        process.start()
        try:
            process.join(timeout)
            code = process.exitcode
        finally:
            if process.is_alive():
                process.kill()
                process.join()
        said = [path.read_text(errors="replace") if path.exists() else "" for path in (out, err)]
        process.close()
    if code is None:
        raise TimeoutExpired([work.__name__, *map(str, arguments)], timeout, *said)
    return CompletedProcess([work.__name__, *map(str, arguments)], code, *said)


def module(name: str, *words: str) -> None:
    """Do what ``python -m name words`` does."""
    if not hasattr(sys.modules.get(name), "__path__"):
        sys.modules.pop(name, None)  # it is run, not imported
    sys.argv = [name, *words]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _begin(out: str, err: str, cwd: str, env: dict[str, str], work: Callable[..., Any], arguments: tuple[Any]) -> None:
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    # our packages have set variables as they were imported
    kept = {key: value for key, value in os.environ.items() if key.startswith(("FLWR_", "RAY_", "KMP_"))}
    os.environ.clear()
    os.environ.update(kept | env)
    tempfile.tempdir = None
    os.chdir(cwd)
    sys.path.insert(0, cwd)
    work(*arguments)
