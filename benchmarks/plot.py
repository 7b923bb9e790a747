"""``python -m benchmarks.plot FILE.json … --out FILE.svg``: the figure of docs/performance.md, from benchmarks' files.

A panel for each kind of results that is given: ``round_time`` (one file a workload), ``scaling``, ``roofline``. Made
as the simulator's other figures are; in a file of its own, which a dark page shows in colours for the dark.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import check_target, complain, read
from simulation.cli.errors import BadInput
from simulation.report.drawing.inline import AFTER, BEFORE, CONTEXT, INK, MUTED, render, style
from simulation.report.drawing.parts import headed

KNOWN = ("round_time", "scaling", "roofline")
PAPER = "#ffffff"
DARK = {PAPER: "#161614", INK: "#ecebe6", MUTED: "#a5a39c", BEFORE: "#f0a63c", AFTER: "#5bb4f0", CONTEXT: "#9b9a93"}
"""Each colour in the dark, as the report has them."""
RIVALS = {"flower": "stock Flower", "loop": "a plain loop", "learn2learn": "learn2learn's manner"}


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


@dataclass(frozen=True)
class Panel:
    """One panel: how it is drawn, and what it says in words."""

    paint: Callable[[Axes], None]
    says: str


def rounds(results: Sequence[dict[str, Any]]) -> Panel:
    """Return the panel of rounds of ours and of another, a row a workload."""
    rows = []
    for result in results:
        chosen = result["settings"]
        times = {name: [1e3 * second for second in own] for name, own in result["figures"]["seconds"].items()}
        other = Point.of(0, times[chosen["against"]])
        ours = Point.of(0, times["metafed"])
        rows.append((chosen["workload"], RIVALS[chosen["against"]], ours, other, chosen["clients"]))
    rivals, sizes = sorted({row[1] for row in rows}), sorted({row[4] for row in rows})
    says = "; ".join(
        f"{w}: {short(o.value)} ms against {short(r.value)} ms, {r.value / o.value:.2f} ×" for w, _, o, r, _ in rows
    )

    def paint(axes: Axes) -> None:
        for height, (_, _, ours, other, _) in enumerate(rows):
            axes.plot([ours.value, other.value], [height] * 2, color=CONTEXT, linewidth=1, zorder=1)
            # outwards, so that two close ones can be read
            for point, colour, where in ((ours, AFTER, "right"), (other, BEFORE, "left")):
                axes.plot([point.low, point.high], [height] * 2, color=colour, linewidth=3, alpha=0.45)
                axes.plot(point.value, height, "o", color=colour, markersize=5)
                label(axes, short(point.value), (point.value, height), (0, -11), colour, where=where)
            between = (ours.value * other.value) ** 0.5
            label(axes, f"{other.value / ours.value:.2f} ×", (between, height), (0, 4), INK, bold=True)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.margins(x=0.15)
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="ms")
        axes.set_yticks(range(len(rows)), [row[0] for row in rows])
        name = f"A round ({' or '.join(map(str, sizes))} clients)"
        headed(axes, name, [("metafed", AFTER), (" or ".join(rivals), BEFORE)])

    return Panel(paint, f"A round, median: {says}")


def growth(
    cells: Sequence[dict[str, Any]], sweep: str, name: str, unit: str, points: Callable[[dict[str, Any]], Point]
) -> Panel:
    """Return a panel of one measure against the size of a cohort or of a population."""
    own = sorted((cell for cell in cells if sweep in cell["sweeps"]), key=lambda cell: cell[sweep])
    drawn = [points(cell) for cell in own]
    says = ", ".join(f"{cell[sweep]:,}: {short(point.value)}" for cell, point in zip(own, drawn, strict=True))

    def paint(axes: Axes) -> None:
        axes.plot([p.at for p in drawn], [p.value for p in drawn], "o-", color=AFTER, markersize=5, linewidth=1.6)
        for point in drawn:
            axes.plot([point.at] * 2, [point.low, point.high], color=AFTER, linewidth=3, alpha=0.45)
            label(axes, short(point.value), (point.at, point.high), (0, 5), AFTER)
        axes.set_xscale("log")
        axes.set_xticks([p.at for p in drawn], [f"{p.at:,.0f}" for p in drawn], minor=False)
        axes.minorticks_off()
        axes.margins(x=0.12)
        axes.set(ylim=(0, 1.25 * max(point.high for point in drawn)), xlabel=f"clients in the {sweep}")
        ratio = drawn[-1].value / drawn[0].value
        headed(axes, f"{name} ({unit})", [(f"largest over smallest {sweep}: {ratio:.2f}", MUTED)])

    return Panel(paint, f"{name} in {unit}, by {sweep}: {says}")


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
    says = ", ".join(f"{name}: {share:.1%}" for name, share in shares.items())

    def paint(axes: Axes) -> None:
        for height, share in enumerate(shares.values()):
            axes.barh(height, 100 * share, height=0.45, color=AFTER)
            said = f"{share:.1%}, {share * peak / 1e9:.3g} GFLOP/s"
            label(axes, said, (100 * share, height), (4, -3), INK, where="left")
        axes.set(ylim=(len(shares) - 0.5, -0.5), xlim=(0, 100), xlabel="% of the peak")
        axes.set_yticks(range(len(shares)), list(shares))
        headed(axes, "Share of one thread's peak", [(f"100 % are {peak / 1e9:.3g} GFLOP/s", MUTED)])

    return Panel(paint, f"Share of one thread's peak: {says}")


def label(
    axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], colour: str, bold: bool = False,
    where: str = "center",
) -> None:  # fmt: skip
    """Write a figure beside its mark."""
    weight = "bold" if bold else "normal"
    axes.annotate(text, at, offset, textcoords="offset points", color=colour, fontsize=7.5, ha=where, weight=weight)


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


def draw(chosen: Sequence[Panel]) -> Figure:
    """Draw the panels, two in a row."""
    columns = min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    with style():
        figure = Figure(figsize=(4.3 * columns, 2.75 * rows), layout="constrained", facecolor=PAPER)
        grid = figure.subplots(rows, columns, squeeze=False)
        for index, axes in enumerate(grid.flat):
            if index < len(chosen):
                chosen[index].paint(axes)
            else:
                axes.set_visible(False)
        return figure


def svg(figure: Figure, name: str, says: Sequence[str]) -> str:
    """Return a figure as an SVG file's text that has words for readers who hear it, and colours for dark pages."""
    dark = " ".join(
        f'[style*="{what}: {light}"] {{ {what}: {colour} !important }}'
        for light, colour in DARK.items()
        for what in ("fill", "stroke")
    )
    head = f"<title>Performance of metafed</title><desc>{escape('. '.join(says))}.</desc>"
    head += f"<style>@media (prefers-color-scheme: dark) {{ {dark} }}</style>"
    text = render(figure, name, fonttype="path")
    first = text.index(">", text.index("<svg")) + 1
    lines = (text[:first] + head + text[first:]).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


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
    draft.write_text(svg(draw(chosen), options.out.stem, [panel.says for panel in chosen]), encoding="utf-8")
    draft.replace(options.out)
    print(f"{options.out}: {len(chosen)} panels")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
