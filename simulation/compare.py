"""``python -m simulation.compare RUN RUN …``: methods side by side, and which differences hold."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.text import Text

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.analysis.choices import checked_metrics, families, has_unseen
from simulation.analysis.comparable import check_comparable
from simulation.analysis.differences import comparison, remarks
from simulation.analysis.tables import differences_table, values_table
from simulation.cli.door import door
from simulation.cli.errors import BadInput
from simulation.cli.exits import DONE, FAILED, called
from simulation.cli.streams import output_lost
from simulation.records.folders import read_methods


@dataclass(frozen=True)
class Arguments:
    """Compare runs, or studies of several seeds (--seeds): differences from the first, with intervals.

    Runs of the same settings but another seed are one method; a study's references can be named as STUDY/local.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs or studies; the first is what the others are compared with."""
    part: Literal["unseen", "seen", "all"] | None = None
    """Which clients. Default: unseen ones, or seen ones where nobody is held out."""
    family: str | None = None
    """Of one family only."""
    metrics: str = "after,worst10,std,gain,harmed,worse_off"
    """What to compare: NAME,… of after, worst10, cvar10, best10, std, cov, gini, entropy, gain, harmed, worse_off,
    over_alone, loss_gap. Each more makes all of them harder to tell from chance."""
    json: bool = False
    """Print JSON."""


def compared(asked: Arguments) -> dict[str, Any]:
    """Return the comparison that is asked for, as plain data.

    Raises:
        BadInput: A folder is no run's, a file is damaged, or the runs cannot be compared.
    """
    methods = read_methods(asked.runs)
    measures = checked_metrics(asked.metrics)
    notes = [note for method in methods for note in method.notes] + check_comparable(methods)
    part = asked.part or ("unseen" if any(has_unseen(method) for method in methods) else "seen")
    known = families(methods)
    if asked.family is not None and asked.family not in known:
        raise BadInput(f"--family {asked.family}: the runs have {', '.join(known)}")
    wanted: list[str | None] = [asked.family] if asked.family else [None, *(known if len(known) > 1 else ())]
    pairs = [(index, 0) for index in range(1, len(methods))]
    try:
        overall, *rest = (comparison(methods, pairs, part, family, measures) for family in wanted)
    except ValueError as error:
        raise BadInput(f"these runs cannot be compared: {error}") from None
    by_family = {str(found["family"]): found for found in rest}
    return {"part": part, "notes": notes, "remarks": remarks(overall), "all": overall, "by_family": by_family}


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    asked = tyro.cli(Arguments, args=words, prog=called("compare"))
    found = compared(asked)
    if asked.json:
        print(json.dumps(found, indent=2, allow_nan=False))
        return FAILED if output_lost() else DONE
    console = Console()
    count = len(found["all"]["seeds"])
    title = f"{found['part']} clients, {count} seed{'s' * (count != 1)}"
    console.print(values_table(found, title, checked_metrics(asked.metrics)))
    if found["all"]["differences"]:
        console.print(differences_table(found["all"]))
    for note in [*found["notes"], *found["remarks"]]:
        console.print(Text(note), soft_wrap=True)
    return FAILED if output_lost() else DONE


if __name__ == "__main__":
    sys.exit(main())
