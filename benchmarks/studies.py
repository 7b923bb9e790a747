"""``python -m benchmarks.studies experiments/studies/NAME.toml``: a study's runs, and the table that its page shows.

A study's file has ``run``, flags of ``simulation.run`` that all methods share, and ``[methods]``: each name with the
flags that tell it from the others. The first is what the others are compared with, seed by seed and client by client.
``metrics`` and ``family`` are those of ``simulation.compare``, and so are intervals and tests. Where both are compared,
``frontier.svg`` and ``frontier.csv`` in ``--out`` have the mean against the worst 10 %. What is finished there is kept,
so that the same command goes on where it stopped.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.results import check_target, complain, write
from benchmarks.tables import show
from metafed.core.reading import read_toml
from simulation.cli.config import Config
from simulation.cli.errors import BadInput, RunDiverged
from simulation.cli.flags import parse

KEYS = {"run", "metrics", "methods", "family"}


class Study(NamedTuple):
    """What a file asks for.

    Attributes:
        methods: The configuration of each, by name.
        metrics: What to compare.
        family: Of one family only; None for all.
    """

    methods: Mapping[str, Config]
    metrics: tuple[str, ...]
    family: str | None


def read_study(file: Path, more: Sequence[str] = (), only: Sequence[str] = ()) -> Study:
    """Read a study's file.

    Args:
        file: TOML.
        more: Flags that come after the file's own: other seeds, another number of clients.
        only: Names of the methods to run beside the first; all of them if empty.

    Raises:
        BadInput: It cannot be read, is no study, or a flag in it is not allowed.
    """
    from simulation.analysis.measures import MEASURES

    try:
        said = read_toml(file)
    except ValueError as error:
        raise BadInput(str(error)) from None
    methods = said.get("methods")
    if not isinstance(methods, dict) or not methods or set(said) - KEYS:
        raise BadInput(f"{file}: a study has a table [methods], and besides {', '.join(sorted(KEYS - {'methods'}))}")
    if wrong := [
        name for name, own in {"run": "", **said, **methods}.items() if name != "methods" and type(own) is not str
    ]:
        raise BadInput(f"{file}: {wrong[0]}: must be a text")
    metrics = tuple(said.get("metrics", "after,worst10").split(","))
    for what, names, known in (("metric", metrics, MEASURES), ("method", only, methods)):
        if wrong := [name for name in names if name not in known]:
            raise BadInput(f"{file}: unknown {what} {wrong[0]!r} (known: {', '.join(known)})")
    found = {}
    for index, (name, own) in enumerate(methods.items()):
        if index and only and name not in only:
            continue
        words = [*shlex.split(said.get("run", "")), *shlex.split(own), *more]
        try:
            found[name] = parse(words)
        except BadInput as error:
            raise BadInput(f"{file}: {name}: {error}") from None
    return Study(found, metrics, said.get("family"))


def run(study: Study, folder: Path) -> list[str]:
    """Run what is not finished in ``folder``, each method in a folder of its own name; return what diverged."""
    from rich.console import Console

    from simulation.engines.start import make_grid
    from simulation.report.pages import write_report
    from simulation.runs.pool import Pool
    from simulation.runs.study import run_study

    console = Console(stderr=True)
    diverged = []
    with Pool(make_grid) as pool:
        for name, config in study.methods.items():
            console.print(f"[bold]{name}", highlight=False)
            ready = config.model_copy(update={"seeds": config.seeds or 1, "out": None})
            try:
                run_study(ready, console, folder / name, again=True, pool=pool, report=write_report)
            except RunDiverged as error:
                diverged.append(f"{name}: {error}")
    return diverged


def compared(study: Study, folder: Path, part: str, family: str | None) -> dict[str, Any]:
    """Compare the methods with the first of them; one of which nothing was evaluated after training is left out.

    Raises:
        BadInput: The first is such a one, or there are no clients that all of them served.
    """
    from simulation.analysis.comparable import check_comparable
    from simulation.analysis.differences import comparison
    from simulation.records.methods import NotEvaluated, read_method

    methods = []
    for index, name in enumerate(study.methods):
        try:
            methods.append(read_method(folder / name, name))
        except NotEvaluated:
            if index == 0:
                raise
    check_comparable(methods)
    pairs = [(index, 0) for index in range(1, len(methods))]
    try:
        found = comparison(methods, pairs, part, family, study.metrics)
    except ValueError as error:
        raise BadInput(f"these runs cannot be compared: {error}") from None
    if not found["methods"]:
        raise BadInput(f"these runs cannot be compared: {found['why']} ({part}, family {family or 'any'})")
    return found


def number(entry: Mapping[str, Any], sign: str = "") -> str:
    """Write an estimate with its interval."""
    if entry["value"] is None:
        return "–"
    ends = "" if entry["low"] is None else f" [{entry['low']:{sign}.3f}, {entry['high']:{sign}.3f}]"
    return f"{entry['value']:{sign}.3f}{ends}"


def table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return a row a method: each measure, and its difference from the first method with the verdict."""
    measures = list(next(iter(found["methods"].values())))
    first = next(iter(found["methods"]))
    rows = []
    for name, values in found["methods"].items():
        row = [name]
        for measure in measures:
            ends = {} if name == first else {"low": None, "high": None}
            row.append(number({**values[measure], **ends}))
            own = [each for each in found["differences"] if each["one"] == name and each["measure"] == measure]
            row += [f"{number(each, '+')} {each['verdict']}" for each in own] or [""]
        rows.append(row)
    return ["method", *(word for measure in measures for word in (measure, f"{measure} − {first}"))], rows


def frontier(found: Mapping[str, Any], folder: Path) -> None:
    """Draw the mean against the worst 10 %, as a sweep does: ``frontier.svg`` and ``frontier.csv`` in the folder."""
    from simulation.analysis.frontier import Point
    from simulation.report.frontier import write_frontier

    methods = found["methods"].items()
    points = [
        Point(name, {}, own["after"], own["worst10"], found["part"])
        for name, own in methods
        if own["after"]["value"] is not None and own["worst10"]["value"] is not None
    ]
    write_frontier(points, folder)


def arguments(name: str, about: str | None) -> argparse.ArgumentParser:
    """Return the reader of the words that all commands on a study take; ``about`` is its module's docstring."""
    reader = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=about, epilog="Further flags go to every run: --seed 5"
    )
    reader.add_argument("file", type=Path)
    reader.add_argument("--out", type=Path, help="folder of the runs; default: runs/study-NAME")
    reader.add_argument("--markdown", action="store_true")
    reader.add_argument("--json", type=Path, help="write the figures to this file as well")
    return reader


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    reader = arguments("studies", __doc__)
    reader.add_argument("--part", choices=("unseen", "seen", "all"), default="unseen", help="which clients")
    reader.add_argument("--only", default="", help="of the methods after the first, NAME,… only")
    asked, more = reader.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    folder = asked.out or Path("runs") / f"study-{asked.file.stem}"
    try:
        check_target(asked.json)
        study = read_study(asked.file, more, tuple(filter(None, asked.only.split(","))))
        diverged = run(study, folder)
        found = compared(study, folder, asked.part, study.family)
    except BadInput as error:
        return complain(error)
    of = f" of {study.family}" if study.family else ""
    many = sorted(set(found["clients"].values()))
    notes = (
        f"{asked.part} clients{of}; seeds {found['seeds']}; clients a seed: {many}; left out: {found['left_out']}.",
        "95 % intervals over the seeds; Holm over all differences of this table.",
        *diverged,
    )
    show(asked.file.stem, *table(found), notes, asked.markdown)
    if found["differences"] and {"after", "worst10"} <= set(study.metrics):
        frontier(found, folder)
    if asked.json is not None:
        write(asked.json, "studies", {"file": str(asked.file), "more": more}, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
