"""``--track``: every round's figures to a tracker as well; each is a package of its own, imported when asked for."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, final

from simulation.cli.config import Config
from simulation.cli.errors import BadInput

PROJECT = "metafed"


class Tracker(ABC):
    """Gets rounds and the end. Nothing is tracked that the record lacks."""

    @abstractmethod
    def log(self, number: int, values: Mapping[str, float]) -> None:
        """Take the values of a finished round."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left."""


@final
class TensorBoard(Tracker):
    """Event files in the record's folder, under ``tensorboard``."""

    def __init__(self, folder: Path, config: Config) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"))

    def log(self, number: int, values: Mapping[str, float]) -> None:
        """Write a scalar a value."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, number)

    def close(self) -> None:
        """Flush the files."""
        self._writer.close()


@final
class Run(Tracker):
    """A run of Weights and Biases or of trackio, which has the same calls; both keep to this machine if asked to."""

    def __init__(self, module: Any, folder: Path, config: Config) -> None:
        settings = config.experiment.to_run_config()
        own = {"dir": str(folder)} if module.__name__ == "wandb" else {}
        self._module = module
        self._run = module.init(project=PROJECT, name=folder.name, config=settings, **own)

    def log(self, number: int, values: Mapping[str, float]) -> None:
        """Log the values at the round's number."""
        self._module.log(dict(values), step=number)

    def close(self) -> None:
        """Finish the run."""
        self._module.finish()


def check_tracker(name: str | None) -> None:
    """See that the tracker's package is there.

    Raises:
        BadInput: It is not installed.
    """
    if name is None:
        return
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise BadInput(f"--track {name}: {error}; install it with: pip install 'metafed[{name}]'") from None


def open_tracker(config: Config, folder: Path) -> Tracker | None:
    """Return the tracker that ``config`` asks for; None where it asks for none.

    Raises:
        BadInput: It is not installed, or does not start.
    """
    if config.track is None:
        return None
    check_tracker(config.track)
    try:
        if config.track == "tensorboard":
            return TensorBoard(folder, config)
        return Run(importlib.import_module(config.track), folder, config)
    except Exception as error:  # whatever a tracker raises that cannot log in, or write
        raise BadInput(f"--track {config.track}: does not start: {error}") from error


def figures(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of a round's line by path: ``evaluation/unseen/assistant/after``."""
    return {name: value for name, value in _numbers(line, "") if isfinite(value) and name != "round"}


def _numbers(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, own in value.items():
        name = f"{prefix}{key}"
        if isinstance(own, Mapping):
            yield from _numbers(own, f"{name}/")
        elif isinstance(own, list):
            yield name, float(len(own))  # who failed, or was halved: how many
        elif isinstance(own, int | float) and not isinstance(own, bool):
            yield name, float(own)
