"""Deciding, before a run starts, which kernels compute it: its record and all its workers must agree."""

from metafed.native.choice import NoCompiler, resolve
from simulation.cli.config import Config
from simulation.cli.errors import BadInput


def decided(config: Config) -> Config:
    """Return ``config`` with ``--kernels auto`` decided, and the kernels compiled where they are wanted.

    Raises:
        BadInput: ``--kernels native`` is wanted and there is no compiler, or it fails.
    """
    wanted = config.experiment.kernels
    if config.device != "cpu" and wanted == "auto":
        return _with(config, "torch")  # ours are for CPUs
    try:
        return _with(config, resolve(wanted))
    except NoCompiler as error:
        raise BadInput(f"--kernels {wanted}: {error}") from None


def _with(config: Config, kernels: str) -> Config:
    experiment = config.experiment.model_copy(update={"kernels": kernels})
    return config.model_copy(update={"experiment": experiment})
