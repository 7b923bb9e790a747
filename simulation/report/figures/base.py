"""What a figure is drawn from, and an entry in the list of figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np

from metafed.fairness.panel import Panel
from simulation.records.methods import Method
from simulation.records.runs import Run, kinds
from simulation.report.drawing.plot import Figure
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.figures.beside import Beside
from simulation.report.findings import evaluated
from simulation.report.words import families

Place: TypeAlias = Literal["served", "badly", "adapting", "sizes", "evenness", "between-rows", "learning-curves"]
"""A section of the report of a run; sizes: below the tables of adapting. A figure in it stands below those before it
in the list. Where nobody was evaluated there are only ``learning-curves``."""


class OneRun(NamedTuple):
    """What is known of one run.

    Attributes:
        run: Its record.
        kinds: Each family's kind of task.
        who: Of whom means are: ``unseen``, or ``seen`` where nobody is held out.
        evaluations: Those clients at each evaluated round.
        people: Those clients at the last.
        everyone: All evaluated clients at the last.
    """

    run: Run
    kinds: Mapping[str, str]
    who: str
    evaluations: Mapping[int, Panel]
    people: Panel
    everyone: Panel


class SeveralRuns(NamedTuple):
    """What is known of several runs.

    Attributes:
        methods: The runs, those of several seeds together.
        who: Whose scores are compared: ``unseen`` or ``seen``.
        tables: The numbers of all clients, and of each family.
        intervals: How intervals were made, a sentence.
    """

    methods: Sequence[Method]
    who: str
    tables: Sequence[Beside]
    intervals: str


@final
@dataclass(frozen=True)
class OfRun:
    """A figure in the report of one run.

    Attributes:
        key: Its name in ``--figure``; the figure's own.
        draw: Draws it, from a run with evaluated clients unless it stands among ``learning-curves``; None where the
            record has no numbers for it.
        place: Where it stands.
        lacks: What is said where there is none.
    """

    key: str
    draw: Callable[[OneRun], Figure | None]
    place: Place
    lacks: str = "no client was evaluated, so there is nothing to draw"

    def of(self, one: OneRun) -> Figure | None:
        """Draw it."""
        return self.draw(one) if len(one.people) or self.place == "learning-curves" else None


@final
@dataclass(frozen=True)
class OfRuns:
    """A figure in the report of several runs.

    Attributes:
        key: Its name in ``--figure``; the figure's own.
        draw: Draws it; None where the records have no numbers for it.
        words: What the page's contents call it.
        lacks: What is said where there is none.
    """

    key: str
    draw: Callable[[SeveralRuns], Figure | None]
    words: str
    lacks: str = "no client was evaluated, so there is nothing to draw"


def one_run(run: Run) -> OneRun:
    """Return what figures are drawn from; nobody where nobody was evaluated."""
    (who, panels), everyone = evaluated(run), evaluated(run, part="all")[1]
    return OneRun(run, kinds(run.manifest), who, panels, last(panels) or NOBODY, last(everyone) or NOBODY)


def last(panels: Mapping[int, Panel]) -> Panel | None:
    """Return the last evaluation's clients; None if there is nobody."""
    return panels[max(panels)] if panels and len(panels[max(panels)]) else None


NOBODY = Panel(**{field.name: np.zeros((0, 1) if field.name == "scores" else 0) for field in fields(Panel)})


def by_family(people: Panel, draw: Callable[[Panel, str], tuple[Drawn, list[Any]]]) -> tuple[list[Drawn], list[Any]]:
    """Return the panels that ``draw`` makes of each family's clients and its name, and the rows of all for the CSV."""
    found = [draw(people.where(people.family == name), name) for name in families(people)]
    return [panel for panel, _ in found], [row for _, rows in found for row in rows]
