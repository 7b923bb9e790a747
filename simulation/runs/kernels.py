"""Deciding, before a run starts, which kernels compute it: its record and all its workers must agree."""

from functools import lru_cache

from metafed.native.choice import NoCompiler, choose
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.streams import say

NO_COMPILER = (
    "--kernels auto: there is no C++ compiler here (c++, g++, clang++ or $CXX), so PyTorch's own kernels are used: a"
    " round takes about twice as long, with networks for images four times; install g++, or choose --kernels torch"
)
"""The factors are those of ``docs/performance.md``."""


def decided(config: Config) -> Config:
    """Return ``config`` with ``--kernels auto`` decided, and the kernels compiled where they are wanted.

    Raises:
        BadInput: ``--kernels native`` is wanted and there is no compiler, or it fails.
    """
    wanted = config.experiment.kernels
    if config.device != "cpu" and wanted == "auto":
        return _with(config, "torch")  # ours are for CPUs
    try:
        kernels, why = choose(wanted)
    except NoCompiler as error:
        raise BadInput(f"--kernels {wanted}: {error}") from None
    if why is not None:
        tell(f"--kernels auto: PyTorch's own are used, ours cannot be: {why}")
    elif wanted == "auto" and kernels == "torch" and not config.quiet:
        tell(NO_COMPILER)
    return _with(config, kernels)


@lru_cache
def tell(why: str) -> None:
    """Say, once a process, why PyTorch's own kernels are used."""
    say(f"metafed: {why}")


def _with(config: Config, kernels: str) -> Config:
    experiment = config.experiment.model_copy(update={"kernels": kernels})
    return config.model_copy(update={"experiment": experiment})
