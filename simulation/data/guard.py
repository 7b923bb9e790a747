"""What the guard says of a data set before there is a run of it."""

import os
from pathlib import Path

from metafed.data.table.source import Own
from metafed.experiment.settings import Experiment
from simulation.cli.errors import BadInput
from simulation.data.sources import People

UNSEEN = 0.2
"""Share of the clients that are taken for unseen, as a run does that says nothing else."""


def findings(who: People, task: str, data_dirs: tuple[Path, ...]) -> list[str]:
    """Have the guard look at the clients as it would before a run, and return what to print; nothing of generators.

    Args:
        who: The clients.
        task: What ``--tasks`` calls them.
        data_dirs: The folders that they are read from.

    Raises:
        BadInput: A run would be stopped.
        DataError: A client's data cannot be used.
    """
    # here, since it loads PyTorch, which nothing else of these commands needs
    from metafed.federation.federation import Federation
    from metafed.federation.guard.inspect import count_without_score, inspect
    from metafed.federation.guard.rows import NO_SCORE, NO_SCORE_SINCE

    if not who.source.files and not isinstance(who.source, Own):
        return []
    folders = os.pathsep.join(str(folder) for folder in data_dirs)
    # the guard looks at rows, which any network may have
    experiment = Experiment(tasks=task, clients=len(who.parts[0][1]), unseen=UNSEEN, data_dir=folders, network="mlp")
    population, kind = Federation(experiment).population, who.choice.kind
    found = inspect(population)
    fatal = [finding.text for finding in found if finding.fatal]
    if fatal:
        raise BadInput("; ".join(fatal))
    lines = [f"  guard {finding.text}" for finding in found if finding.rule != NO_SCORE] or ["  guard found nothing"]
    # of these all are counted, since they are missing in all means; a class is scored by one row
    lacking = count_without_score(population, 0) if kind == "regression" else 0
    reason = NO_SCORE_SINCE.format(experiment.least_rows(kind))
    return [*lines, *([f"  {lacking:,} of {experiment.clients:,} clients have {reason}"] if lacking else [])]
