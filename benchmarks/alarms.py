"""``python -m benchmarks.alarms``: how many clean panels raise any alarm, and how many planted ones the right one.

Clients, their groups and devices are drawn at random, without training: an alarm sees scores, rows and attendance only.
In a clean panel no label has anything to do with a client's numbers, so that every alarm is false. In a planted one,
clients of one group score lower.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import tyro

from benchmarks.populations import SCORES
from benchmarks.tables import show
from metafed.core.streams import stream
from metafed.fairness.alarms import alarms
from metafed.fairness.intervals import share_interval

if TYPE_CHECKING:
    import polars as pl

FAMILIES = ("assistant", "avatar", "personalization")
GROUPS = ("red", "green", "blue", "grey")
DEVICES = ("one", "two", "three")
SHARES = (0.4, 0.3, 0.2, 0.1)
"""Of the groups; devices have the first three, made to add up to 1."""
PLANTED = "blue"


@dataclass
class Arguments:
    """How often are alarms false?"""

    panels: int = 200
    """Of each kind."""
    clients: tuple[int, ...] = (60, 200)
    """Clients of a panel, of which two thirds are seen."""
    lower: float = 0.2
    """By how much lower clients of the planted group score."""
    format: Literal["text", "markdown"] = "text"


def panel(kind: int, clients: int, lower: float, rng: np.random.Generator) -> "pl.DataFrame":
    """Draw the people of a run as ``metafed.fairness.participation.ledger`` lists them."""
    import polars as pl

    group = rng.choice(GROUPS, clients, p=SHARES)
    odds = np.array(SHARES[: len(DEVICES)]) / sum(SHARES[: len(DEVICES)])
    asked = rng.integers(0, 12, clients)
    return pl.DataFrame(
        {
            "family": rng.choice(FAMILIES, clients),
            "seen": np.arange(clients) < 2 * clients // 3,
            "group": group,
            "device": rng.choice(DEVICES, clients, p=odds),
            "after": SCORES[kind].draw(rng, clients) - lower * (group == PLANTED),
            "n": np.ceil(np.exp(rng.normal(3, 1, clients))).astype(np.int64),
            "asked": asked,
            "finished": rng.binomial(asked, rng.beta(6, 2, clients)),
        }
    )


def raised(kind: int, clients: int, lower: float, seed: int) -> set[tuple[str, str, str]]:
    """Return the alarms of a panel: what, by which labels, and whose."""
    people = panel(kind, clients, lower, stream(seed, f"alarms/panel/{kind}/{lower}", clients))
    return {(one["what"], one["by"], one["name"]) for one in alarms(people, seed)}


def main(arguments: Arguments) -> int:
    """Print a table: alarms of clean panels, and of planted ones."""
    rows, false, clean = [], 0, 0
    for kind, scores in enumerate(SCORES):
        for clients in arguments.clients:
            seeds = range(arguments.panels)
            wrong = sum(bool(raised(kind, clients, 0.0, seed)) for seed in seeds)
            found = [raised(kind, clients, arguments.lower, seed) for seed in seeds]
            named = sum(("score", "group", PLANTED) in each for each in found)
            others = sum(bool(each - {("score", "group", PLANTED)}) for each in found)
            false, clean = false + wrong, clean + arguments.panels
            rows.append((scores.words, str(clients), str(wrong), str(named), str(others)))
    whole = share_interval(false, clean)
    low, high = (100 * (end or 0.0) for end in (whole.low, whole.high))
    raising = f"{100 * false / clean:.2f} % of all {clean} clean panels (95 % interval {low:.2f} to {high:.2f})"
    notes = [
        f"{arguments.panels} panels in each cell. Any alarm in {raising}.",
        f"Planted: clients of group {PLANTED} score {arguments.lower} lower. Others: panels with a further alarm.",
    ]
    names = ("scores", "clients", "clean: any alarm", "planted: named", "planted: others")
    show("panels that raise an alarm", names, rows, notes, arguments.format == "markdown")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments, description=__doc__)))
