"""``python -m benchmarks.plot FILE.json … --out FILE.svg``: the figure of docs/performance.md, from benchmarks' files.

A panel for each kind of results that is given: ``round_time`` (one file a workload), ``scaling``, ``roofline``. Made
as the simulator's other figures are; in a file of its own, which a dark page shows in colours for the dark.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from benchmarks.results import check_target, complain, read
from simulation.cli.errors import BadInput
from simulation.report.drawing.files import svg
from simulation.report.drawing.plot import Axis, Box, Figure, Line, Mark, Panel, Points, Role, Text
from simulation.report.drawing.scale import linear, logarithmic
from simulation.report.drawing.svg import elements

KNOWN = ("round_time", "scaling", "roofline")
RIVALS = {
    "flower": "stock Flower",
    "loop": "a plain loop",
    "learn2learn": "learn2learn's manner",
    "jax": "JAX",
    "fedjax": "FedJAX",
    "pfl": "pfl",
}
WIDTH, ROW = 430.0, 50.0
"""Pixels of a panel, and of a row in it."""


@dataclass
class Options:
    """Draw what benchmarks measured."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Files that benchmarks wrote by --json."""
    out: Path
    """The figure, an .svg file."""


@dataclass(frozen=True)
class Point:
    """A median with the least and the greatest of what it is the median of."""

    at: float
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, at: float, values: Sequence[float]) -> "Point":
        """Return the median of ``values``."""
        return cls(at, statistics.median(values), min(values), max(values))


def rounds(results: Sequence[dict[str, Any]]) -> Panel:
    """Return the panel of rounds of ours and of another, a row a workload."""
    rows = []
    for result in results:
        chosen = result["settings"]
        times = {name: [1e3 * second for second in own] for name, own in result["figures"]["seconds"].items()}
        other, ours = (Point.of(0, times[name]) for name in (chosen["against"], "metafed"))
        rows.append((chosen["workload"], RIVALS[chosen["against"]], ours, other, chosen["clients"]))
    rivals, sizes = sorted({row[1] for row in rows}), sorted({row[4] for row in rows})
    marks: list[Mark] = []
    for index, (_, _, ours, other, _) in enumerate(rows):
        y = len(rows) - index - 0.5
        marks.append(Line((ours.value, other.value), (y, y), "context", 1))
        # outwards, so that two close ones can be read
        sides: tuple[tuple[Point, Role, Any, float], ...] = ((ours, "after", "end", 3), (other, "before", "start", -3))
        for point, role, anchor, dx in sides:
            marks.append(Line((point.low, point.high), (y, y), role, 3, opacity=0.45))
            marks.append(Points((point.value,), (y,), role))
            marks.append(Text(point.value, y, short(point.value), role, anchor, dx, 16))
        between = (ours.value * other.value) ** 0.5
        marks.append(Text(between, y, f"{other.value / ours.value:.2f} ×", "ink", "middle", 0, -7, bold=True))
    ends = [end for row in rows for point in row[2:4] for end in (point.low, point.high)]
    said = "; ".join(
        f"{w}: {short(o.value)} ms against {short(r.value)} ms, {r.value / o.value:.2f} ×" for w, _, o, r, _ in rows
    )
    return Panel(
        "A round", f"({' or '.join(map(str, sizes))} clients)", (("metafed", "after"), (" or ".join(rivals), "before")),
        logarithmic(min(ends) / 1.3, max(ends) * 1.3, "ms"), by_row([row[0] for row in rows]), marks,
        f"A round, median: {said}", ROW * len(rows), WIDTH,
    )  # fmt: skip


def by_row(names: Sequence[str]) -> Axis:
    """Return an axis with a row a name, the first on top."""
    return Axis(0, len(names), [(len(names) - index - 0.5, name) for index, name in enumerate(names)])


def growth(
    cells: Sequence[dict[str, Any]], sweep: str, name: str, unit: str, points: Callable[[dict[str, Any]], Point]
) -> Panel:
    """Return a panel of one measure against the size of a cohort or of a population."""
    own = sorted((cell for cell in cells if sweep in cell["sweeps"]), key=lambda cell: cell[sweep])
    drawn = [points(cell) for cell in own]
    said = ", ".join(f"{cell[sweep]:,}: {short(point.value)}" for cell, point in zip(own, drawn, strict=True))
    x, y = [point.at for point in drawn], [point.value for point in drawn]
    marks: list[Mark] = [Line(x, y, "after", 1.6), Points(x, y, "after")]
    for point in drawn:
        marks.append(Line((point.at, point.at), (point.low, point.high), "after", 3, opacity=0.45))
        marks.append(Text(point.at, point.high, short(point.value), "after", "middle", 0, -7))
    words: tuple[tuple[str, Role], ...] = ((f"largest over smallest {sweep}: {y[-1] / y[0]:.2f}", "muted"),)
    ticks = [(at, f"{at:,.0f}") for at in x]
    across = Axis(x[0] / 2, x[-1] * 2, ticks, f"clients in the {sweep}", log=True)
    up = linear(0, 1.25 * max(point.high for point in drawn), grid=True)
    return Panel(name, f"({unit})", words, across, up, marks, f"{name} in {unit}, by {sweep}: {said}", width=WIDTH)


def cost(cell: dict[str, Any]) -> Point:
    """Return milliseconds a client."""
    return Point.of(cell["cohort"], [1e3 * each["seconds"] / cell["cohort"] for each in cell["rounds"]])


def memory(cell: dict[str, Any]) -> Point:
    """Return mebibytes at the peak, workers included."""
    return Point.of(cell["population"], [(cell["memory"]["peak"] + sum(cell["memory"]["workers"])) / 2**20])


def arithmetic(result: dict[str, Any]) -> Panel:
    """Return the panel of the share of one thread's peak, a row a workload."""
    found, peak = result["figures"]["workloads"], max(result["figures"]["peaks"]["one thread"].values())
    shares = {name: own["fraction"] for name, own in found.items()}
    said = ", ".join(f"{name}: {share:.1%}" for name, share in shares.items())
    marks: list[Mark] = []
    for index, (name, share) in enumerate(shares.items()):
        y, words = len(shares) - index - 0.5, f"{share:.1%}, {share * peak / 1e9:.3g} GFLOP/s"
        marks.append(Box((0, 100 * share), (y - 0.25, y + 0.25), "after", 1.0, name, ""))
        marks.append(Text(100 * share, y, words, "ink", dx=6, dy=4))
    return Panel(
        "Share of one thread's peak", "", ((f"100 % are {peak / 1e9:.3g} GFLOP/s", "muted"),),
        linear(0, 100, "% of the peak"), by_row(list(shares)), marks, f"Share of one thread's peak: {said}",
        ROW * len(shares), WIDTH,
    )  # fmt: skip


def short(value: float) -> str:
    """Format a figure with three digits at least."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def panels(results: Sequence[dict[str, Any]]) -> list[Panel]:
    """Return a panel for each thing that the results show.

    Raises:
        BadInput: They show nothing, or one thing twice.
    """
    of = {name: [result for result in results if result["benchmark"] == name] for name in KNOWN}
    for name in ("scaling", "roofline"):
        if len(of[name]) > 1:
            raise BadInput(f"{len(of[name])} files are of {name}; give one")
    workloads = [result["settings"]["workload"] for result in of["round_time"]]
    for workload in workloads:
        if workloads.count(workload) > 1:
            raise BadInput(
                f"{workloads.count(workload)} files of round_time are of the workload {workload!r}; give one each"
            )
    if any(result["settings"]["against"] == "none" for result in of["round_time"]):
        raise BadInput("a file of round_time compares with nobody (--against none)")
    found = [rounds(of["round_time"])] if workloads else []
    for result in of["scaling"]:
        cells = result["figures"]["cells"]
        sweeps = {sweep for cell in cells for sweep in cell["sweeps"]}
        if "cohort" in sweeps:
            found.append(growth(cells, "cohort", "Cost per client", "ms", cost))
        if "population" in sweeps:
            found.append(growth(cells, "population", "Peak memory", "MiB", memory))
    found += [arithmetic(result) for result in of["roofline"]]
    if not found:
        raise BadInput("the files show nothing that could be drawn; give results of round_time, scaling or roofline")
    return found


def figure(chosen: Sequence[Panel]) -> Figure:
    """Return the panels as a figure, which says in words what each shows."""
    finding = f"{'. '.join(panel.says for panel in chosen)}."
    return Figure("performance", "Performance of metafed", finding, "", chosen, (), ())


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figure."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.plot", description=__doc__)
    try:
        if options.out.suffix != ".svg":
            raise BadInput(f"--out {options.out}: must end in .svg")
        check_target(options.out, "--out")
        chosen = panels([read(path, KNOWN) for path in options.files])
    except BadInput as error:
        return complain(error)
    draft = options.out.with_suffix(".draft")
    drawn = figure(chosen)
    draft.write_text(svg(drawn, *elements(drawn), dark=True), encoding="utf-8")
    draft.replace(options.out)
    print(f"{options.out}: {len(chosen)} panels")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
