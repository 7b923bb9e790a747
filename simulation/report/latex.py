"""LaTeX tables with booktabs, of estimates and of differences, wide or for one column of a page."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from metafed.core.digits import digits
from metafed.fairness.harmed import RULE
from metafed.fairness.intervals import enclosed
from metafed.scores import named_scores
from simulation.analysis.measures import MEASURES, Measure
from simulation.analysis.tables import SHARES
from simulation.report.escaping import beyond, escape

MISSING = "--"
BOLD = "bold: its difference from every other method holds (exact test over seeds, Holm) and its interval excludes 0"


def values_latex(
    shown: Mapping[str | None, Mapping[str, Any]],
    measures: Sequence[Measure],
    part: str,
    best: Mapping[str | None, Mapping[str, str]],
    narrow: bool = False,
    notes: Sequence[str] = (),
) -> str:
    """Return a table with a row a method, by family; the whole population last.

    Args:
        shown: Each family's cells, by method and measure; None stands for all families.
        measures: The columns; those that no method has are left out.
        part: What the clients are, for the caption.
        best: By family and measure, the name of the method that is printed in bold.
        narrow: Intervals stand below their numbers, so that four columns fit half a page.
        notes: What a reader must know besides.
    """
    used = [m for m in measures if any(m.name in cells for cells in (shown.get(None) or {}).values())]
    families = [name for name in shown if name is not None and shown[name]]
    rows: list[str] = []
    for family in [*(families if len(families) > 1 else []), None]:
        if len(families) > 1:
            rows.append(heading(family or "all", len(used) + 1))
        for method, cells in shown.get(family, {}).items():
            own = [(measure.name, cells.get(measure.name)) for measure in used]
            bold = [best.get(family, {}).get(name) == method for name, _ in own]
            numbers = [value(name, cell, bold=on) for (name, cell), on in zip(own, bold, strict=True)]
            ends = [interval(name, cell, narrow=narrow) for name, cell in own]
            if narrow:
                rows.append(row([escape(method), *numbers]))
                rows += [row(["", *ends])] if any(ends) else []
            else:
                rows.append(
                    row([escape(method), *(" ".join(filter(None, p)) for p in zip(numbers, ends, strict=True))])
                )
    head = row(["method", *(escape(measure.words) for measure in used)])
    if narrow:
        head = row(["", *(rf"\shortstack{{{words}}}" for words in map(stacked, used))])
    comments = [f"{part} clients; 95 % intervals over seeds", *([BOLD] if any(best.values()) else [])]
    comments += [*notes, *([RULE] if any(measure.name == "harmed" for measure in used) else [])]
    return tabular("l" + "r" * len(used), head, rows, comments, narrow)


def differences_latex(found: Mapping[str, Any], part: str, measures: Sequence[Measure], narrow: bool = False) -> str:
    """Return a table of the differences of a comparison; ``narrow`` leaves the p-values before correction out.

    Only the differences by ``measures`` are in it. Their p-values are corrected for all that were taken.
    """
    wanted = {measure.name for measure in measures}
    head = ["measure", "difference", *([] if narrow else ["$p$"]), "$p$ (Holm)", "verdict"]
    rows = []
    for (one, minus), entries in groupby(found["differences"], lambda entry: (entry["one"], entry["minus"])):
        rows.append(heading(f"{one} − {minus}", len(head)))
        for entry in entries:
            if entry["measure"] in wanted:
                name = entry["measure"]
                number = " ".join(filter(None, [value(name, entry, "+"), interval(name, entry, "+", narrow)]))
                p = [MISSING if entry[key] is None else f"{entry[key]:.3f}" for key in ("p", "p_holm")][narrow:]
                rows.append(row([escape(MEASURES[name].words), number, *p, escape(entry["verdict"])]))
    count = len(found["differences"])
    comment = f"{part} clients; exact sign-flip tests over {len(found['seeds'])} seeds, Holm over {count} differences"
    comments = [comment, *named_scores(found.get("headline", {}))]
    return tabular("l" + "r" * (len(head) - 2) + "l", row(head), rows, comments, narrow)


def heading(text: str, columns: int) -> str:
    """Return a row that names the rows below it."""
    return rf"\addlinespace\multicolumn{{{columns}}}{{l}}{{\textit{{{escape(text)}}}}} \\"


def row(cells: Sequence[str]) -> str:
    """Return a row of cells."""
    return " & ".join(cells) + r" \\"


def stacked(measure: Measure) -> str:
    """Return the words of a measure, one below the other."""
    return r"\\".join(map(escape, measure.words.split(" "))).replace(r"10\\\%", r"10~\%")


def value(name: str, cell: Mapping[str, Any] | None, sign: str = "", bold: bool = False) -> str:
    """Format an estimate."""
    if cell is None or cell["value"] is None:
        return MISSING
    text = say(name, cell["value"], sign)
    return rf"\textbf{{{text}}}" if bold else text


def interval(name: str, cell: Mapping[str, Any] | None, sign: str = "", narrow: bool = False) -> str:
    """Format the interval of an estimate; empty where there is none."""
    if cell is None or cell["value"] is None or cell["low"] is None:
        return ""
    size = r"\scriptsize" if narrow else r"\small"
    return f"{{{size}{enclosed(cell['method'], say(name, cell['low'], sign), say(name, cell['high'], sign))}}}"


def say(name: str, number: float, sign: str) -> str:
    """Format a number; a minus is LaTeX's."""
    text = f"{100 * number:{sign}.1f}\\%" if name in SHARES else digits(number, sign=sign, most=1000)
    return text.replace("-", "$-$")


def tabular(columns: str, head: str, rows: Sequence[str], comments: Sequence[str], narrow: bool) -> str:
    """Return the lines of a tabular; what it needs is said in comments."""
    lines = [*(f"% {comment}" for comment in comments), r"% needs \usepackage{booktabs}"]
    if signs := beyond("".join([head, *rows])):
        lines.append(f"% needs XeLaTeX or LuaLaTeX, and a font that has: {signs}")
    if narrow:
        lines += [r"{\footnotesize\setlength{\tabcolsep}{3pt}%", rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}"]
    else:
        lines.append(rf"\begin{{tabular}}{{{columns}}}")
    end = [r"\bottomrule", r"\end{tabular}" + ("}" if narrow else ""), ""]
    return "\n".join([*lines, r"\toprule", head, r"\midrule", *rows, *end])
