"""``python -m simulation.sweep``: runs of many settings, and the frontier of mean against worst 10 %."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from metafed.core.digits import digits
from simulation.analysis.frontier import efficient, names
from simulation.cli.door import door
from simulation.cli.errors import BadInput
from simulation.cli.exits import DONE, FAILED, called, complain
from simulation.report.frontier import write_frontier
from simulation.report.pages import write_report
from simulation.runs.sweep.carry_out import sweep

ABOUT = """Run a grid of settings: any flag of simulation.run may be given several values, FLAG VALUE,VALUE,…; every
combination is run (with --seeds N: so many times), by one engine. Run the same command again to go on: what is finished
is kept. frontier.svg and frontier.csv in the folder hold mean and worst 10 % of the
clients that --validation holds out to choose by; without it, of the unseen clients."""

MOST_TRIALS = 10**5
LARGEST_SEED = 2**31
"""Optuna's sampler takes seeds below 2³²; that of a search that goes on is larger by its trials."""


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    reader = argparse.ArgumentParser(
        prog=called("sweep"), description=ABOUT, epilog=f"All other flags: {called('run')} --help",
        allow_abbrev=False,
    )  # fmt: skip
    reader.add_argument("--out", type=Path, help="folder of the sweep; default: runs/<time>-sweep")
    reader.add_argument("--trials", type=int, help="search by Optuna with so many trials; ranges are LOW..HIGH[:log]")
    reader.add_argument("--search-seed", type=int, default=0, help="seed of the search (default: 0)")
    asked, rest = reader.parse_known_args(words)
    console = Console(markup=False)
    if asked.trials is not None and not 1 <= asked.trials <= MOST_TRIALS:
        raise BadInput(f"--trials {asked.trials}: choose from 1 to {MOST_TRIALS:,}")
    if not 0 <= asked.search_seed <= LARGEST_SEED:
        raise BadInput(f"--search-seed {asked.search_seed}: choose from 0 to {LARGEST_SEED:,}")
    folder, found = sweep(rest, asked.out, asked.trials, asked.search_seed, console, write_frontier, write_report)
    if not found:
        return complain("no cell has a result", FAILED)
    for name, each, on in zip(names(found), found, efficient(found), strict=True):
        words_of = f"{name}: mean {digits(each.mean['value'])}, worst 10 % {digits(each.worst['value'])}"
        console.print(words_of + ("  (efficient)" if on else ""), soft_wrap=True, highlight=False)
    for file in ("frontier.svg", "frontier.csv"):
        console.print(str(folder / file), soft_wrap=True, highlight=False)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
