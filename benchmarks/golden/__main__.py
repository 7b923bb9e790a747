"""``python -m benchmarks.golden --base REV``: small experiments in REV's tree and in this one, every result compared.

Records of the base are kept in the user's cache folder, so that only the present tree runs again.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.golden.cases import BASE, Case, cases
from benchmarks.golden.comparing import difference, results
from benchmarks.golden.files import fault, write
from benchmarks.golden.renames import FLAGS, NEW
from benchmarks.golden.trees import ROOT, git, worktree

HERE = Path(__file__).resolve().parent


@dataclass
class Arguments:
    """Run small experiments in two trees and compare every result."""

    base: str
    """The revision that is compared with."""
    only: str = ""
    """Only the experiments whose name contains this."""
    jobs: int = 2
    """Processes side by side."""
    fresh: bool = False
    """Run the base's experiments again."""
    list: bool = False
    """Print the names and end."""


def argv(case: Case, out: Path, files: Path, old: bool) -> list[str]:
    """Return an experiment's words in the words of one of the trees."""
    base = BASE.replace("--engine local ", "") if case.kind in ("ray", "deploy") else BASE
    if "--network conv4" in case.flags:
        base = base.replace("--width 8 ", "")  # it has no hidden layer
    words = []
    for word in f"{base} {case.flags} --out {out}".split():
        word = word.replace("{own}", str(files)).replace("{devices}", str(files / "devices.toml"))
        if word.startswith("{faults:"):
            word = str(fault(files, word[len("{faults:") : -1]))
        if old and word.startswith("--"):
            word = f"--{FLAGS.get(word[2:], word[2:])}"
        words.append(word)
    # the last of a flag counts
    last = {word: index for index, word in enumerate(words) if word.startswith("--")}
    kept = []
    for index, word in enumerate(words):
        flag = index if word.startswith("--") else index - 1
        if last[words[flag]] == flag and not (old and words[flag][2:] in NEW):
            kept.append(word)
    return kept


def run(tree: Path, chosen: Sequence[Case], folder: Path, files: Path, jobs: int, old: bool) -> dict[str, dict]:
    """Run experiments in a tree, some side by side; returns what each said, by name."""
    plans: list[list[dict]] = [[] for _ in range(jobs)]
    for number, case in enumerate(chosen):
        out = folder / case.name.replace(" ", "-").replace(":", "-").replace(",", "")
        plans[number % jobs].append(
            {"name": case.name, "kind": case.kind, "argv": argv(case, out, files, old), "out": str(out)}
        )
    started = []
    for number, plan in enumerate(plans):
        path = folder / f"plan{number}.json"
        path.write_text(json.dumps(plan))
        words = [sys.executable, str(HERE / "drive.py"), str(tree), str(path)]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
    found: dict[str, dict] = {}
    for process in started:
        said, _ = process.communicate()
        found |= {one["name"]: one for one in map(json.loads, said.splitlines()) if isinstance(one, dict)}
    return found


def based(arguments: Arguments, chosen: Sequence[Case], files: Path) -> tuple[Path, dict[str, dict]]:
    """Return the folder of the base's records, run now where they are not kept, and what each said."""
    revision = git("rev-parse", f"{arguments.base}^{{commit}}")
    about = "".join((HERE / name).read_text() for name in ("files.py", "drive.py"))
    key = hashlib.sha256(about.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metafed-golden"
    kept = cache / f"{revision[:12]}-{key}"
    kept.mkdir(parents=True, exist_ok=True)
    said_file = kept / "said.json"
    said = json.loads(said_file.read_text()) if said_file.exists() and not arguments.fresh else {}
    # what an experiment is depends on its words alone
    words = {case.name: [case.kind, *argv(case, kept / "out", files, True)[:-1]] for case in chosen}
    words = {name: [word.replace(str(files), "") for word in own] for name, own in words.items()}
    missing = [case for case in chosen if said.get(case.name, {}).get("words") != words[case.name]]
    if missing:
        print(f"{len(missing)} experiments run in {arguments.base}")
        records = Path(tempfile.mkdtemp(dir=kept))
        with worktree(revision) as tree:
            found = run(tree, missing, records, files, arguments.jobs, True)
        for name, one in found.items():
            said[name] = {**one, "words": words[name], "folder": str(records)}
        said_file.write_text(json.dumps(said))
    return kept, said


def main(arguments: Arguments) -> int:
    """Compare, print a line an experiment, and return 0 if all are equal."""
    chosen = [case for case in cases() if arguments.only in case.name]
    if arguments.list:
        print("\n".join(case.name for case in chosen))
        return 0
    try:
        git("rev-parse", "--verify", "--quiet", f"{arguments.base}^{{commit}}")
    except subprocess.CalledProcessError:
        print(f"--base {arguments.base}: no such revision here; name a commit, a tag or a branch", file=sys.stderr)
        return 2
    start, equal = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as temporary:
        files = Path(temporary) / "files"
        write(files)
        _, before = based(arguments, chosen, files)
        folder = Path(temporary) / "now"
        folder.mkdir()
        after = run(ROOT, chosen, folder, files, arguments.jobs, False)
        for case in chosen:
            found = evaluated(case, before.get(case.name), after.get(case.name), folder)
            equal += not found
            print(f"{case.name:32} {'equal' if not found else 'DIFFERENT: ' + found}")
    print(f"{len(chosen)} experiments, {equal} equal, {time.monotonic() - start:.0f} s")
    return 0 if equal == len(chosen) else 1


def evaluated(case: Case, before: dict | None, after: dict | None, folder: Path) -> str:
    """Return how the two results of an experiment differ; empty: not at all."""
    for who, said in (("before", before), ("now", after)):
        if said is None:
            return f"no result {who}"
        if said["code"] != case.code:
            return f"exit code {said['code']} {who}: {' '.join(said['said'].split())[-300:]}"
    assert before is not None, "looked at above"
    name = case.name.replace(" ", "-").replace(":", "-").replace(",", "")
    old, new = (results(Path(one) / name) for one in (before["folder"], folder))
    if not new or "manifest.json" not in "".join(new):
        return "no record now"
    return difference(old, new)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Arguments, description=__doc__)))
