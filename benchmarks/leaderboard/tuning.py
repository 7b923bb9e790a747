"""Tuning: so many trials of Optuna for every method, each a cell, chosen by the clients that are held out for it.

The search is repeated from its first trial at every start, and finished cells answer at once: a sampler of one seed
that is given the same values asks for the same settings. The first trial is the method with its defaults.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.leaderboard.cells import Cell, cell, flags
from metafed.algorithms.base import Algorithm, Range
from simulation.cli.errors import BadInput

TUNING_SEED = 1000
"""The seed of tuning; those of the test are 1, 2, …"""
OUTER = Range(0.1, 3.0)
"""Factors of the algorithm's own outer rate between which the server's is searched."""


def space(algorithm: Algorithm) -> dict[str, Range]:
    """Return the settings that are searched, and where: what the algorithm declares, and the server's rate."""
    own = {name: span for name, span in algorithm.searched.items() if name in type(algorithm).model_fields}
    rate = algorithm.outer.rate
    return own | ({} if algorithm.weighs == "none" else {"outer_lr": Range(OUTER.low * rate, OUTER.high * rate)})


def trials(
    name: str, algorithm: Algorithm, shared: Sequence[str], folder: Path, count: int
) -> Iterator[tuple[Cell, Mapping[str, float]]]:
    """Yield the cell and the settings of each trial; each must be done before the next is asked for.

    Raises:
        BadInput: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise BadInput("a leaderboard needs Optuna: pip install 'metafed[sweep]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=zlib.crc32(name.encode()), n_startup_trials=4)
    )
    one = cell(folder / "0", shared, flags(name, algorithm, {}), TUNING_SEED)
    yield one, {}
    for number in range(1, count):
        trial = study.ask()
        chosen = {key: trial.suggest_float(key, *span, log=True) for key, span in space(algorithm).items()}
        one = cell(folder / str(number), shared, flags(name, algorithm, chosen), TUNING_SEED)
        yield one, chosen
        value = one.chosen_by
        study.tell(trial, value, state=optuna.trial.TrialState.FAIL if value is None else None)


def best(tried: Sequence[tuple[Cell, Mapping[str, float]]]) -> Mapping[str, float]:
    """Return the settings with the highest mean score of the clients to choose by; of equals the first."""
    values = [(cell.chosen_by, chosen) for cell, chosen in tried]
    known = [(value, chosen) for value, chosen in values if value is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else {}
