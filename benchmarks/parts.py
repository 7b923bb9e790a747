"""``python -m benchmarks.parts``: where the time of a whole run goes, in seconds of this process's processor.

The command is run in this process as ``python -m simulation.run`` runs it, with the words given after ``--``, or
``--clients 50 --engine local``. A part is what the functions take that it names, less the parts within it.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from threading import local
from typing import Any

from server.record.writer import WAITING, Writer

BEGUN = time.perf_counter()

PARTS = {
    "start: engine, PyTorch, data": ("simulation.runs.simulate:set_up",),
    "rounds: draw clients, write messages": ("server.strategy:MetaStrategy.configure_train",),
    "rounds: clients train": ("client.host:Host.train",),
    "rounds: messages read and packed by clients": ("simulation.engines.local:LocalGrid.answer",),
    "rounds: answers read, summed, outer step": ("server.strategy:MetaStrategy.aggregate_train",),
    "rounds: record": (
        "server.record.record:Record.round",
        "server.record.record:Record._append",
        "server.record.record:Record.checkpoint",
        "server.record.record:Record._checkpoint",
        "server.strategy:MetaStrategy.snapshot",
    ),
    "rounds: screen": ("simulation.cli.console:Screen.round",),
    "evaluation": ("client.host:Host.evaluate",),
    "rounds: the rest": ("server.app:serve",),
    "end: rows joined": ("server.record.record:join",),
    "end: summary": ("server.record.record:summarize_record",),
    "end: report, figures": ("simulation.report.drawing.files:shown",),
    "end: report, the rest": ("simulation.report.pages:write_report",),
    "end: the rest": ("server.record.record:Record.finish",),
}
"""What is measured, by the functions that do it."""


@dataclass
class Clock:
    """Adds up the processor seconds that parts take, each without the parts within it; every thread has its own."""

    cpu: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    within: Any = field(default_factory=local)

    def measured(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``work``, which counts for a part from now on."""

        @wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            outer, self.within.taken = getattr(self.within, "taken", 0.0), 0.0
            begun = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                taken = time.thread_time() - begun
                self.cpu[part] = self.cpu.get(part, 0.0) + taken - self.within.taken
                self.calls[part] = self.calls.get(part, 0) + 1
                self.within.taken = outer + taken

        return timed

    def measure(self, part: str, name: str) -> None:
        """Have a function of a module, or a method, count for a part; those who imported it before see it, too."""
        where, _, path = name.partition(":")
        owner: Any = import_module(where)
        *parents, last = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        plain = getattr(owner, last)
        timed = self.measured(part, plain)
        setattr(owner, last, timed)
        for module in list(sys.modules.values()):
            if not parents and vars(module).get(last) is plain:
                setattr(module, last, timed)


def handed() -> list[tuple[float, bool]]:
    """Have the record's writer note each task: the seconds that it took to hand it over, and whether it had to wait."""
    plain, found = Writer.__call__, list[tuple[float, bool]]()

    @wraps(plain)
    def timed(self: Writer, task: Callable[[], object]) -> None:
        full, begun = self._tasks.full(), time.perf_counter()
        plain(self, task)
        found.append((time.perf_counter() - begun, full))

    setattr(Writer, "__call__", timed)  # noqa: B010  (mypy refuses to assign to a method)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and print the table."""
    words = sys.argv[1:] if argv is None else list(argv)
    words = words[1:] if words[:1] == ["--"] else words
    from simulation import run

    clock = Clock()
    for part, names in PARTS.items():
        for name in names:
            clock.measure(part, name)
    tasks = handed()
    imported = time.process_time()  # with PyTorch and Flower, which the command imports a little later
    with tempfile.TemporaryDirectory(prefix="metafed-parts-") as folder:
        before = time.process_time()
        code = run.main([*(words or ["--clients", "50", "--engine", "local"]), "--quiet", "--out", f"{folder}/run"])
        whole = time.process_time() - before
    table = {"start: imports": imported, **{part: clock.cpu.get(part, 0.0) for part in PARTS}}
    table["all else"] = whole - sum(clock.cpu.values())
    for part, seconds in table.items():
        print(f"{part:<48} {seconds:7.3f} s  {clock.calls.get(part, 1):6d} calls")
    print(f"{'in all':<48} {imported + whole:7.3f} s of processor, {time.perf_counter() - BEGUN:.1f} s by the clock")
    print(
        f"{len(tasks)} tasks were handed to the record's thread in {sum(took for took, _ in tasks):.3f} s by the clock;"
        f" {sum(full for _, full in tasks)} had to wait, since {WAITING} waited before"
    )
    return code


if __name__ == "__main__":
    raise SystemExit(main())
