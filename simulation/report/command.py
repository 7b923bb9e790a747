"""``python -m simulation.report RUN``: one HTML file that opens offline, and its figures as files of their own."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from simulation.cli.errors import BadInput

DONE, BAD_INPUT = 0, 2

FigureName = Literal[
    "readme",
    "distribution",
    "groups",
    "adaptation",
    "gain-by-size",
    "lorenz",
    "learning",
    "losses",
    "frontier",
    "privacy",
    "differences",
]


@dataclass(frozen=True)
class Arguments:
    """Write the report of a run, of several runs side by side, or one figure.

    A folder of several seeds or references (--seeds, --references) is compared as a whole.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs; with several, the first is what the others are compared with."""
    out: Path | None = None
    """File to write. Default: report.html in the folder; needed with several."""
    figure: tuple[FigureName, Path] | None = None
    """Write only this figure, to a file whose suffix says how: .svg, .png, .pdf, or .csv for its numbers. readme is
    distribution, the picture of the README."""


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of the run in the folder ``run`` and return its path.

    A run that has not ended gets a report of what there is, which says so.

    Args:
        run: The run's folder.
        out: The file to write. Default: ``report.html`` in the folder.

    Raises:
        BadInput: It is no run's folder, a file in it is damaged, or the report cannot be written.
    """
    # late, since reading flags needs none of it: jinja2 and polars
    from simulation.records.runs import read_run
    from simulation.report.chapter import chapter
    from simulation.report.facts import facts
    from simulation.report.findings import findings

    record = read_run(run)
    said = {**findings(record), **facts(record), **chapter(record)}
    return save(render("report.html.j2", {**said, "contents": contents(said)}), out or run / "report.html")


def write_comparison(runs: Sequence[Path], out: Path | None = None) -> Path:
    """Write the report of several runs, or of one folder of several seeds and references, and return its path.

    Args:
        runs: Their folders.
        out: The file to write. Default: ``report.html`` in the folder, if there is but one.

    Raises:
        BadInput: One is no run's folder or damaged, they cannot be compared, or the report cannot be written.
    """
    from simulation.report.comparison import several

    if out is None and len(runs) > 1:
        raise BadInput("a report of several runs needs a file of its own: --out FILE.html")
    return save(render("comparison.html.j2", several(runs)), out or runs[0] / "report.html")


def render(template: str, values: dict[str, Any]) -> str:
    """Set ``values`` in a template."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from simulation.cli.tables import number
    from simulation.report.files import style
    from simulation.report.words import CONTROL, short

    page = Environment(
        loader=PackageLoader("simulation.report"),
        autoescape=True,  # groups, reasons and notes come from clients: nothing of theirs is markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters["number"] = lambda value, sign="": number(value, sign).replace("-", "−")
    page.filters["short"] = short
    page.filters["along"] = lambda score: f"{200 * min(1.0, max(0.0, score)):.1f}"
    return CONTROL.sub("�", page.get_template(template).render(**values, colours=style()))


def save(html: str, path: Path) -> Path:
    """Write a page.

    Raises:
        BadInput: It cannot be written.
    """
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--out {path}: {error.strerror}") from None
    return path


def contents(said: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the page's sections, as ids and words."""
    there = [("findings", "Findings", True)]
    evaluated = said["summary"] is not None
    there += [
        ("served", "Who is served", evaluated), ("badly", "Who is served badly", evaluated),
        ("adapting", "How adaptation goes", evaluated), ("evenness", "How evenly", evaluated),
        ("learning-curves", "How it was learned", bool({"learning", "losses"} & set(said["figures"]))),
        ("failures", "Failures", bool(said["failures"] or said["diverged"])), ("made", "How this was made", True),
    ]  # fmt: skip
    return [(key, words) for key, words, shown in there if shown]


def write_figure(runs: Sequence[Path], name: FigureName, path: Path) -> Path:
    """Write one figure of these runs.

    Raises:
        BadInput: There is no such run or figure, or the file cannot be written.
    """
    from simulation.report.files import SUFFIXES, write

    if path.suffix not in SUFFIXES:
        raise BadInput(f"--figure {name} {path}: the suffix must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    key = "distribution" if name == "readme" else name
    if key in ("frontier", "privacy", "differences"):
        from simulation.report.comparison import figures_of_several

        drawn = figures_of_several(runs)
    elif len(runs) == 1:
        from simulation.records.runs import read_run
        from simulation.report.chapter import figures

        drawn = figures(read_run(runs[0]))
    else:
        raise BadInput(f"--figure {name}: is of one run, got {len(runs)}")
    if key not in drawn:
        why = "no client was evaluated, so there is nothing to draw"
        why = {
            "losses": "nothing was trained",
            "differences": "there is nothing to compare it with",
            "privacy": "there are no two runs with differential privacy that differ in ε",
        }.get(key, why)
        raise BadInput(f"{runs[0]}: {why}")
    try:
        write(drawn[key], path)
    except OSError as error:
        raise BadInput(f"--figure {name} {path}: {error.strerror}") from None
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    asked = tyro.cli(Arguments, args=argv, prog="python -m simulation.report")
    try:
        if not asked.runs:
            raise BadInput("name the folder of a run")
        if asked.figure is not None:
            path = write_figure(asked.runs, *asked.figure)
        elif len(asked.runs) > 1 or is_study(asked.runs[0]):
            path = write_comparison(asked.runs, asked.out)
        else:
            path = write_report(asked.runs[0], asked.out)
    except BadInput as error:
        print(f"metafed: {error}", file=sys.stderr)
        return BAD_INPUT
    print(path)
    return DONE


def is_study(folder: Path) -> bool:
    """Say whether a folder holds several runs."""
    from simulation.runs.study import is_study

    return is_study(folder)
