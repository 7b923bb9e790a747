"""Where a run's record goes, and what it holds of how the run was made."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metafed.experiment.lookup import algorithm_name
from simulation.cli.config import Config


def engine_settings(config: Config) -> dict[str, Any]:
    """Return how the experiment is run, as the manifest and ``config.toml`` hold it."""
    dropped = {"experiment", "quiet", "config", "out", "resume"}
    return config.model_dump(mode="json", exclude=dropped, exclude_none=True)


def default_folder(config: Config) -> Path:
    """Return a folder that says when and what."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    name = algorithm_name(config.experiment.algorithm).replace(":", ".")
    seeds = f"s{config.experiment.seed}-{config.experiment.seed + config.seeds - 1}" if config.seeds else ""
    return Path("runs") / f"{stamp}-{name}-seed{seeds or config.experiment.seed}"
