"""LaTeX tables with booktabs, of estimates and of differences."""

from collections.abc import Mapping, Sequence
from typing import Any

from metafed.core.digits import digits
from simulation.analysis.measures import MEASURES, Measure
from simulation.analysis.tables import SHARES

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "…": r"\ldots{}",
}  # fmt: skip


def values_latex(shown: Mapping[str | None, Mapping[str, Any]], measures: Sequence[Measure], part: str) -> str:
    """Return a table with a row a method, by family; the whole population last.

    Args:
        shown: Each family's cells, by method and measure; None stands for all families.
        measures: The columns; those that no method has are left out.
        part: What the clients are, for the caption.
    """
    used = [m for m in measures if any(m.name in cells for cells in (shown.get(None) or {}).values())]
    families = [name for name in shown if name is not None and shown[name]]
    rows: list[str] = []
    for family in [*(families if len(families) > 1 else []), None]:
        if len(families) > 1:
            name = escape(family or "all")
            rows.append(rf"\addlinespace\multicolumn{{{len(used) + 1}}}{{l}}{{\textit{{{name}}}}} \\")
        for method, cells in shown.get(family, {}).items():
            numbers = [estimate(measure.name, cells.get(measure.name)) for measure in used]
            rows.append(" & ".join([escape(method), *numbers]) + r" \\")
    head = " & ".join(["method", *(escape(measure.words) for measure in used)])
    return tabular("l" + "r" * len(used), head, rows, f"{part} clients; 95 % intervals over seeds and clients")


def differences_latex(found: Mapping[str, Any], part: str) -> str:
    """Return a table of the differences of a comparison."""
    rows = []
    for entry in found["differences"]:
        p = [MISSING if entry[name] is None else f"{entry[name]:.3f}" for name in ("p", "p_holm")]
        cells = [f"{entry['one']} − {entry['minus']}", MEASURES[entry["measure"]].words]
        number = estimate(entry["measure"], entry, "+")
        rows.append(" & ".join([*map(escape, cells), number, *p, escape(entry["verdict"])]) + r" \\")
    head = r"difference & measure & estimate & $p$ & $p$ (Holm) & verdict"
    return tabular("llrrrl", head, rows, f"{part} clients; exact sign-flip tests over {len(found['seeds'])} seeds")


MISSING = "--"


def estimate(name: str, cell: Mapping[str, Any] | None, sign: str = "") -> str:
    """Format an estimate with its interval; a minus is LaTeX's."""
    if cell is None or cell["value"] is None:
        return MISSING

    def say(value: float) -> str:
        text = f"{100 * value:{sign}.1f}\\%" if name in SHARES else digits(value, sign=sign, most=1000)
        return text.replace("-", "$-$")

    if cell["low"] is None:
        return say(cell["value"])
    return f"{say(cell['value'])} {{\\small[{say(cell['low'])}, {say(cell['high'])}]}}"


def tabular(columns: str, head: str, rows: Sequence[str], comment: str) -> str:
    """Return the lines of a tabular; what it needs is said in a comment."""
    lines = [f"% {comment}", r"% needs \usepackage{booktabs}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    return "\n".join([*lines, head + r" \\", r"\midrule", *rows, r"\bottomrule", r"\end{tabular}", ""])


def escape(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)
