"""The pages: one HTML file that opens offline, of one run or of several."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from metafed.fairness.harmed import RULE
from metafed.fairness.intervals import enclosed
from metafed.fairness.summary import counted
from server.files import write_text
from simulation.analysis.tables import percent
from simulation.cli.errors import BadInput
from simulation.cli.tables import number
from simulation.records.runs import read_run
from simulation.report.chapter import chapter
from simulation.report.comparison import several
from simulation.report.drawing.files import style
from simulation.report.facts import facts
from simulation.report.figures import OfRun, OfRuns
from simulation.report.findings import findings
from simulation.report.words import CONTROL, short


def write_report(
    run: Path, out: Path | None = None, manifest: Mapping[str, Any] | None = None, more: Sequence[OfRun] = ()
) -> Path:
    """Write the report of the run in the folder ``run`` and return its path.

    A run that has not ended gets a report of what there is, which says so.

    Args:
        run: The run's folder.
        out: The file to write. Default: ``report.html`` in the folder.
        manifest: What its manifest will be, where the run is about to end.
        more: Figures beyond ours.

    Raises:
        BadInput: It is no run's folder, a file in it is damaged, or the report cannot be written.
    """
    record = read_run(run, manifest)
    values = {**findings(record), **facts(record), **chapter(record, more)}
    return save(render("report.html.j2", {**values, "contents": contents(values)}), out or run / "report.html")


def write_comparison(
    runs: Sequence[Path], out: Path | None = None, more: Sequence[OfRuns] = (), labels: Sequence[str] = ()
) -> Path:
    """Write the report of several runs, or of one folder of several seeds and references, and return its path.

    Args:
        runs: Their folders.
        out: The file to write. Default: ``report.html`` in the folder, if there is but one.
        more: Figures beyond ours.
        labels: What the methods are called. Default: what differs between them.

    Raises:
        BadInput: One is no run's folder or damaged, they cannot be compared, or the report cannot be written.
    """
    if out is None and len(runs) > 1:
        raise BadInput("a report of several runs needs a file of its own: --out FILE.html")
    return save(render("comparison.html.j2", several(runs, more, labels)), out or runs[0] / "report.html")


def render(template: str, values: dict[str, Any]) -> str:
    """Set ``values`` in a template."""
    return CONTROL.sub("�", templates().get_template(template).render(**values, colours=style(), rule=RULE))


@cache
def templates() -> "jinja2.Environment":
    """Return the pages' templates, each compiled once a process."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("simulation.report"),
        autoescape=True,  # groups, reasons and notes come from clients: nothing of theirs is markup
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["number"] = lambda value, sign="": number(value, sign).replace("-", "−")
    made.filters["percent"] = lambda value, sign="": percent(value, sign).replace("-", "−")
    made.filters["short"] = short
    made.filters["enclosed"] = enclosed
    made.filters["counted"] = counted
    made.filters["along"] = lambda score: f"{200 * min(1.0, max(0.0, score)):.1f}"
    return made


def save(html: str, path: Path) -> Path:
    """Write a page.

    Raises:
        BadInput: It cannot be written, or is there and no page, such as a file of a record.
    """
    if path.is_file() and path.suffix not in (".html", ".htm"):
        raise BadInput(f"--out {path}: exists already and is no page (.html); choose another name")
    try:
        write_text(path, html)
    except OSError as error:
        raise BadInput(f"--out {path}: {error.strerror}") from None
    return path


def contents(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the page's sections, as ids and words."""
    there = [("findings", "Findings", True)]
    evaluated = values["summary"] is not None
    failed = any(values[what] for what in ("failures", "left_out", "exploded"))
    there += [
        ("served", "Who is served", evaluated), ("badly", "Who is served badly", evaluated),
        ("adapting", "How adaptation goes", evaluated), ("evenness", "How evenly", evaluated),
        ("between-rows", "Fair for each client, fair over all?", bool(values["figures"]["between-rows"])),
        ("learning-curves", "How it was learned", bool(values["figures"]["learning-curves"])),
        ("failures", "Failures", failed), ("made", "How this was made", True),
    ]  # fmt: skip
    return [(key, words) for key, words, shown in there if shown]
