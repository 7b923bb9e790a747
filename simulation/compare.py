"""``python -m simulation.compare RUN RUN …``: methods side by side, and which differences hold."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.analysis.compared import METRICS
from simulation.api.comparing import Comparison
from simulation.cli.asking import ask
from simulation.cli.door import door
from simulation.cli.exits import DONE, FAILED
from simulation.cli.streams import output_lost
from simulation.records.folders import read_methods, with_references


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
    metrics: str = METRICS
    """What to compare: NAME,… of after, worst10, cvar10, best10, std, cov, gini, entropy, gain, harmed, worse_off,
    over_alone, loss_gap. Each more makes all of them harder to tell from chance."""
    label: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What a method is called; once for each, in the order of the folders. Default: its settings that differ."""
    json: bool = False
    """Print JSON."""


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    asked = ask(lambda prog: tyro.cli(Arguments, args=words, prog=prog), "compare", words)
    found = Comparison(
        asked.runs,
        with_references(read_methods(asked.runs, asked.label)),
        asked.metrics,
        asked.part,
        asked.family,
        asked.label,
    )
    if asked.json:
        print(json.dumps(found.found, indent=2, allow_nan=False))
    else:
        found.show()
    return FAILED if output_lost() else DONE


if __name__ == "__main__":
    sys.exit(main())
