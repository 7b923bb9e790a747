"""The end of a run, as a terminal shows it."""

import json
from pathlib import Path

from rich.console import Console
from rich.text import Text

from metafed.fairness.good import noisy_labels
from simulation.cli.config import Config
from simulation.cli.console import Screen
from simulation.cli.tables import closing_table


def show(folder: Path, config: Config, console: Console) -> None:
    """Print the closing table of the run in ``folder``, and where its files are."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    files = {"report": folder / "report.html", "clients": folder / "clients.parquet", "all": folder}
    for sentence in noisy_labels({"inject_bias": config.experiment.inject_bias}):
        console.print(Text(sentence), soft_wrap=True)
    Screen(config, console).end(closing_table(summary), {what: path for what, path in files.items() if path.exists()})
