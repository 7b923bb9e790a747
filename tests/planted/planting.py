"""Plant a fault in the source of a module, and see which tests fail.

A fault is text in place of other text. It is put in as the module is imported, so that who takes a function from it
takes the spoilt one. Each fault has a process of its own, forked from one that has imported PyTorch and the rest; our
packages it imports anew.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.forked import forked

ROOT = Path(__file__).resolve().parents[2]
OURS = ("metafed", "client", "server", "simulation", "tests")


class Change(NamedTuple):
    """Text of a module that is replaced; it must be there, once."""

    module: str
    old: str
    new: str


class Fault(NamedTuple):
    """What is spoilt, and the tests that must each fail by it.

    Attributes:
        changes: What is replaced. Empty: ``tests.planted`` has a module of the fault's name, which spoils things as it
            is imported.
        caught_by: Names of tests; parameters in brackets may be left out.
    """

    changes: Sequence[Change]
    caught_by: Sequence[str]


def one(module: str, old: str, new: str, *caught_by: str) -> Fault:
    """Return a fault in one place."""
    return Fault([Change(module, old, new)], caught_by)


class Planter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules of a fault with the fault."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = {change.module: change for change in changes}

    def find_spec(self, name, path=None, target=None):
        """Return a spec that has this object load the module, None for modules as they are."""
        if name not in self.changes:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)
        return importlib.machinery.ModuleSpec(name, self, origin=found.origin)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's spoilt source."""
        change, file = self.changes[module.__name__], module.__spec__.origin
        source = Path(file).read_text(encoding="utf-8")
        if source.count(change.old) != 1:
            raise LookupError(f"{file} has {source.count(change.old)} times the text {change.old!r}: plant this anew")
        module.__file__ = file
        exec(compile(source.replace(change.old, change.new), file, "exec"), module.__dict__)


def said_with(name: str | None, fault: Fault, tests: Sequence[str]) -> tuple[int, str]:
    """Return pytest's exit code and what it printed of ``tests``, with a fault or, without a name, as things are."""
    done = forked(_run, name, fault, list(tests), cwd=ROOT, timeout=900)
    return done.returncode, done.stdout + done.stderr


def _run(name: str | None, fault: Fault, tests: list[str]) -> None:
    for known in [known for known in sys.modules if known.partition(".")[0] in OURS]:
        del sys.modules[known]
    if name is not None:
        sys.meta_path.insert(0, Planter(fault.changes))
        if not fault.changes:
            importlib.import_module(f"tests.planted.{name}")
    raise SystemExit(pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *tests]))
