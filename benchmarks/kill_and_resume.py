"""``python -m benchmarks.kill_and_resume``: kill runs at random instants, resume them, compare every bit.

Each case is run once whole. Then a run of it is started and killed by SIGKILL: one time in six at an instant drawn
from the seconds that it takes to start, else within a quarter of a second, drawn, of the moment at which a drawn round
is on the disk, the last included: the record is being closed then. It is resumed, every third time killed once more,
and run to its end. θ's hash, ``rounds.jsonl`` (wall times aside) and the bytes of ``clients.parquet`` must be those of
the whole run. A run that was killed before its record had a manifest has computed nothing and is started anew. One that
had ended before it was to be killed is no kill, and another is drawn.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch  # noqa: F401  (all is imported before processes are forked: each starts at once)
import tyro

import client.host  # noqa: F401
import server.app  # noqa: F401
import simulation.engines.local
import simulation.engines.ray  # noqa: F401
from metafed.core.streams import stream
from simulation import run

CASES = (
    ("ditto", "--algorithm ditto"),
    ("pfedme", "--algorithm pfedme --algorithm.inner-steps 2 --algorithm.local-rounds 2"),
    ("fedper, momentum", "--algorithm fedper --outer-optimizer momentum --outer-lr 0.5"),
    ("fedrep, Yogi", "--algorithm fedrep --outer-optimizer yogi --outer-lr 0.05"),
    ("MAML, AFL over clients", "--algorithm maml --objective minimax"),
    ("FOMAML, CVaR", "--algorithm fomaml --objective cvar"),
)
ROUNDS = 40
SIZE = (
    f"--clients 16 --cohort 8 --width 16 --rounds {ROUNDS} --eval-every 7 --checkpoint-every 4"
    " --tasks personalization,assistant"
)


@dataclass(frozen=True)
class Options:
    """Kill runs at random instants, resume them, and say how many end with the bits of runs that were not killed."""

    times: int = 50
    """Runs to kill, shared by the cases and engines in turn."""
    seed: int = 0
    """Draws the instants."""
    engines: tuple[str, ...] = ("local", "ray")
    """Engines, taken in turn."""
    folder: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Where the records go; they are kept there. Default: nowhere."""


def started(arguments: list[str]) -> int:
    """Run ``python -m simulation.run`` in a process of its own, forked from this one; returns its id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(silence, descriptor)
    sys.argv = ["simulation.run", *arguments]
    code = 1
    try:
        code = run.main(arguments)
    finally:
        os._exit(code)


def ended(child: int, seconds: float | None = None) -> int | None:
    """Wait for a process, so many seconds at most; returns its exit code, None if it goes on."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, 0 if deadline is None else os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if deadline is not None and time.monotonic() >= deadline:
            return None
        time.sleep(0.001)


def finish(arguments: list[str], folder: Path) -> float:
    """Run a command that must succeed; returns the seconds that it took."""
    begun = time.monotonic()
    if code := ended(started(arguments)):
        raise SystemExit(f"{' '.join(arguments)}: exit code {code}; see {folder / 'run.log'}")
    return time.monotonic() - begun


class Instant(NamedTuple):
    """When to kill: so many seconds after the start, or after so many rounds are on the disk."""

    seconds: float
    rounds: int | None


def drawn(rng: np.random.Generator, start: float, rounds: int) -> Instant:
    """Draw an instant of a run that takes ``start`` seconds to start and has so many rounds."""
    if rng.random() < 1 / 6:
        return Instant(float(rng.uniform(0, start)), None)
    return Instant(float(rng.uniform(0, 0.25)), int(rng.integers(1, rounds + 2)))


def killed(arguments: list[str], folder: Path, instant: Instant) -> bool:
    """Start a command that writes to ``folder`` and kill it at an instant; False: it had ended before."""
    child = started(arguments)
    while instant.rounds is not None and lines(folder) < instant.rounds:
        if ended(child, 0) is not None:
            return False
        time.sleep(0.001)
    if ended(child, instant.seconds) is not None:
        return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    # Ray's processes end with their driver; what the same group has left is waited for by ending it
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return True


def lines(folder: Path) -> int:
    """Return how many whole lines ``rounds.jsonl`` has."""
    try:
        return (folder / "rounds.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def bits(folder: Path) -> tuple[str, list[dict[str, object]], bytes]:
    """Return what must agree."""
    from simulation.records.agreement import lines

    about = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return about["theta_sha256"], lines(folder), (folder / "clients.parquet").read_bytes()


def reached(folder: Path) -> str:
    """Say what a killed run left."""
    if not (folder / "manifest.json").exists():
        return "before its record"
    if (folder / "clients.parquet").exists() or (folder / "clients.parquet.draft").exists():
        return "while its record was closed"
    return f"within the rounds, {lines(folder)} on the disk" if lines(folder) else "before the first round"


def tried(folder: Path, words: str, start: float, rng: np.random.Generator, twice: bool) -> list[str]:
    """Kill a run, resume it to its end; returns where it was hit."""
    hits: list[str] = []
    arguments = [*words.split(), "--quiet", "--out", str(folder)]
    for _ in range(2 if twice else 1):
        if not killed(arguments, folder, drawn(rng, start, ROUNDS)):
            return hits
        hits.append(reached(folder))
        if hits[-1] == "before its record":
            shutil.rmtree(folder, ignore_errors=True)
        else:
            arguments = ["--quiet", "--resume", str(folder)]
    finish(arguments, folder)
    return hits


def main() -> int:
    options = tyro.cli(Options, prog="python -m benchmarks.kill_and_resume", description=__doc__)
    base = options.folder or Path(tempfile.mkdtemp(prefix="metafed-kill-"))
    whole: dict[tuple[str, str], tuple[float, tuple[str, list[dict[str, object]], bytes]]] = {}
    same, done, index, hits = 0, 0, 0, Counter[str]()
    while done < options.times:
        engine = options.engines[done % len(options.engines)]
        name, words = CASES[done // len(options.engines) % len(CASES)]
        workers = " --workers 2 --worker-cpus 0.5" if engine == "ray" else ""
        words = f"{SIZE} {words} --engine {engine}{workers}"
        if (engine, name) not in whole:
            folder = base / f"whole-{engine}-{len(whole)}"
            seconds = finish([*words.split(), "--quiet", "--out", str(folder)], folder)
            rounds = (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()
            whole[engine, name] = seconds - sum(json.loads(line)["seconds"] for line in rounds), bits(folder)
        start, expected = whole[engine, name]
        folder = base / f"killed-{index}"
        hit = tried(folder, words, start, stream(options.seed, "kill", index), twice=done % 3 == 2)
        index += 1
        agrees = bits(folder) == expected
        if hit or not agrees:
            done, same, hits = done + 1, same + agrees, hits + Counter(place.partition(",")[0] for place in hit)
            verdict = "same bits" if agrees else "OTHER BITS"
            print(f"{done:>3} {engine:<5} {name:<24} killed {'; then '.join(hit)}: {verdict}", flush=True)
        if agrees:
            shutil.rmtree(folder)
    if options.folder is None and same == done:
        shutil.rmtree(base)
    places = ", ".join(f"{count} {place}" for place, count in hits.most_common())
    print(f"{same} of {done} bit-identical; {sum(hits.values())} kills: {places}")
    return 0 if same == done else 1


if __name__ == "__main__":
    sys.exit(main())
