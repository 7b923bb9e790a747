"""``python -m simulation.report RUN``: one HTML file that opens offline, and the README's picture."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from simulation.errors import BadInput

DONE, BAD_INPUT = 0, 2


@dataclass(frozen=True)
class Arguments:
    """Write the report of a run, or one figure of it."""

    run: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Path | None = None
    """File to write. Default: report.html in the run's folder."""
    figure: tuple[Literal["readme"], Path] | None = None
    """Write only this figure, to a file whose suffix says how: .svg, .png or .pdf."""


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of the run in the folder ``run`` and return its path.

    A run that has not ended gets a report of what there is, which says so.

    Args:
        run: The run's folder.
        out: The file to write. Default: ``report.html`` in the folder.

    Raises:
        BadInput: It is no run's folder, a file in it is damaged, or the report cannot be written.
    """
    # late, since reading flags needs none of it: jinja2, matplotlib and polars
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from simulation.findings import findings
    from simulation.reading import read_run
    from simulation.tables import number

    record = read_run(run)
    page = Environment(
        loader=PackageLoader("simulation"),
        autoescape=True,  # groups, reasons and notes come from clients: nothing of theirs is markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters["number"] = lambda value, sign="": number(value, sign).replace("-", "−")
    html = page.get_template("report.html.j2").render(**findings(record), figures=draw(record))
    path = run / "report.html" if out is None else out
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--out {path}: {error.strerror}") from None
    return path


def draw(record: Any) -> dict[str, Any]:
    """Draw the figures of a ``Run`` that its record has the numbers for, as elements of a page."""
    from simulation import figures
    from simulation.findings import judged
    from simulation.reading import kinds
    from simulation.svg import inline

    drawn: dict[str, Any] = {}
    if any(line["families"] for line in record.rounds):
        drawn["losses"] = inline(figures.losses(record.rounds), "losses", "Query loss by round, by family")
    known, who, panels = kinds(record.manifest), *judged(record)
    if panels and len(panels[max(panels)]):
        last = panels[max(panels)]
        curve = figures.learning(record.rounds, panels, who, known)
        drawn["learning"] = inline(curve, "learning", f"Scores of {who} clients by round, by family")
        before_after = figures.distribution(last, known)
        drawn["distribution"] = inline(
            before_after, "distribution", f"Distribution of {who} clients' scores before and after adaptation"
        )
        steps = figures.adaptation(record.summary, known)
        drawn["adaptation"] = inline(steps, "adaptation", "Mean score after each inner step, by family")
        everyone = judged(record, part="all")[1]
        size = figures.gain_by_size(everyone[max(everyone)], known)
        drawn["size"] = inline(size, "size", "Gain of each client against the rows that it owns, by family")
    return drawn


def write_figure(run: Path, path: Path) -> Path:
    """Write the README's picture of the run in the folder ``run``: unseen clients before and after.

    Raises:
        BadInput: There is no such run, no evaluated client, or the file cannot be written.
    """
    from simulation import figures, svg
    from simulation.findings import judged
    from simulation.reading import kinds, read_run

    if path.suffix not in (".svg", ".png", ".pdf"):
        raise BadInput(f"--figure readme {path}: the suffix must be .svg, .png or .pdf")
    record = read_run(run)
    _, panels = judged(record)
    if not panels or not len(panels[max(panels)]):
        raise BadInput(f"{run}: no client was evaluated, so there is nothing to draw")
    try:
        svg.write(figures.distribution(panels[max(panels)], kinds(record.manifest)), path)
    except OSError as error:
        raise BadInput(f"--figure readme {path}: {error.strerror}") from None
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    asked = tyro.cli(Arguments, args=argv, prog="python -m simulation.report")
    try:
        if asked.figure is not None:
            path = write_figure(asked.run, asked.figure[1])
        else:
            path = write_report(asked.run, asked.out)
    except BadInput as error:
        print(f"metafed: {error}", file=sys.stderr)
        return BAD_INPUT
    print(path)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
