"""Parts of figures by matplotlib: words at the lines instead of legends, and distribution functions.

The reports' own figures are drawn by ``simulation.report``.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from metafed.fairness.metrics import Values
from simulation.report.drawing.inline import MUTED


def headed(axes: Axes, name: str, words: Sequence[tuple[str, str]]) -> None:
    """Put a panel's name above it, and under that ``(text, colour)`` words in place of a legend."""
    bold, _, rest = name.partition(" (")
    axes.set_title(f"{bold}\n", loc="left", fontweight="bold", fontsize=9.5, pad=5)
    if rest:
        axes.set_title(f"({rest}\n", loc="right", fontsize=8.5, color=MUTED, pad=5)
    left = 0.0
    for text, colour in words:
        note = axes.annotate(
            text,
            (0, 1),
            (left, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            fontsize=8.5,
        )
        note.set_in_layout(False)
        left += 4.7 * len(text) + 9


def steps_up(axes: Axes, scores: Values, lowest: float, colour: str) -> None:
    """Draw an empirical distribution function; what lies below ``lowest`` is drawn at the edge."""
    ordered = np.sort(scores)
    x = np.concatenate([ordered[:1], ordered])
    y = np.arange(len(ordered) + 1) / max(1, len(ordered))
    axes.step(np.maximum(x, lowest), y, where="post", color=colour, linewidth=1.8)
