"""``--trials``: a search by Optuna for settings with a high mean and a high worst tenth."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.analysis.frontier import Point
from simulation.cli.errors import BadInput
from simulation.runs.sweep.plan import Axis, Cell, cell, number

if TYPE_CHECKING:
    import optuna


def search(
    rest: Sequence[str],
    axes: Sequence[Axis],
    folder: Path,
    trials: int,
    seed: int,
    run: Callable[[Cell], Point | None],
) -> None:
    """Run trials until there are so many finished ones; those of before count, and are shown to the sampler.

    Mean and worst tenth are both maximized (a multi-objective tree-structured Parzen estimator).

    Raises:
        BadInput: Optuna is not installed, or a value that it chose is not allowed.
    """
    try:
        import optuna
    except ImportError:
        raise BadInput("--trials needs Optuna: pip install 'metafed[sweep]'") from None

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "trials.journal")))
    study = optuna.create_study(
        study_name="sweep",
        storage=storage,
        load_if_exists=True,
        directions=["maximize", "maximize"],
    )
    # from another seed than before: a search that goes on must not draw its first trials again
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))

    def suggest(trial: "optuna.Trial", axis: Axis) -> str:
        if axis.values:
            return str(trial.suggest_categorical(axis.flag, axis.values))
        if axis.whole:
            return str(trial.suggest_int(axis.flag, int(axis.low), int(axis.high), log=axis.log))
        return number(axis, trial.suggest_float(axis.flag, axis.low, axis.high, log=axis.log))

    before = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    for old in before:
        run(cell(rest, {axis.flag: old.user_attrs["chosen"][axis.flag] for axis in axes}))
    for _ in range(trials - len(before)):
        trial = study.ask()
        chosen = {axis.flag: suggest(trial, axis) for axis in axes}
        trial.set_user_attr("chosen", chosen)
        found = run(cell(rest, chosen))
        if found is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, [found.mean["value"], found.worst["value"]])
