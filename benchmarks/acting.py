"""``python -m benchmarks.acting RUN``: what acting was worth to a finished run's clients, before and after adaptation.

Of policies (``environment:navigation``, ``environment:cartpole``) it prints the return of an episode
(``benchmarks.returns``). Of forecasts of assets it prints what they were worth to who acted on them: it reads θ and
the settings of the run's folder, adapts every evaluated client as the run did, and goes long, flat or short by the
forecasts over the days of its evaluation query (``benchmarks.trading``).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.first_order import trained
from benchmarks.gradients import one_thread
from benchmarks.returns import returns, worlds
from benchmarks.tables import show
from benchmarks.trading import COST, Acting, acting
from metafed.core.parameters import Params, spread
from metafed.experiment.choices import names
from metafed.experiment.settings import Experiment
from metafed.fairness.intervals import mean_interval
from metafed.families.assets import ASSETS
from metafed.federation.federation import Federation
from simulation.cli.config import Config
from simulation.cli.errors import BadInput

NAME = ASSETS.name


def values(experiment: Experiment, theta: Params, clients: Sequence[int]) -> list[tuple[Acting, Acting]]:
    """Return what acting was worth before and after adaptation, for each of the ``clients``, which are assets."""
    population, task = Federation(experiment).population, Federation(experiment).tasks[NAME]
    held = {name: value for name, value in theta.items() if name.split(".")[0] in population.roster.parts(NAME)}
    found = []
    for client in clients:
        support, query = population.evaluation([client]).episode
        path = experiment.algorithm.adapt(task, spread(held, 1), {}, support, experiment.evaluation_steps)
        first, *_, last = [task.predict(params, query.x).detach() for params in path]
        realised = query.y[0, :, 0].numpy()
        before, after = (acting(output[0, :, 0].numpy(), realised) for output in (first, last))
        found.append((before, after))
    return found


def cell(numbers: Sequence[float]) -> str:
    """Return a mean over clients with its 95 % interval."""
    estimate = mean_interval(np.array(numbers))
    ends = "" if estimate.low is None else f" [{estimate.low:+.2f}, {estimate.high:+.2f}]"
    return f"{estimate.value:+.2f}{ends}"


def worth(run: Path, experiment: Experiment, markdown: bool) -> None:
    """Print what the forecasts of a run's assets were worth.

    Raises:
        ValueError: There is no checkpoint, or it is damaged or does not have all parameters.
    """
    population = Federation(experiment).population
    theta = trained(run, experiment)
    if experiment.algorithm.personal(theta):
        name = type(experiment.algorithm).__name__
        raise ValueError(f"under {name} clients keep parameters of their own, which a checkpoint does not have")
    assets = [client for client in population.roster.evaluated() if population.roster.family(client) == NAME]
    rows = []
    for who in ("seen", "unseen"):
        clients = [client for client in assets if (client < population.roster.seen) == (who == "seen")]
        if clients:
            found = values(experiment, theta, clients)
            columns = [
                [before.hold for before, _ in found],
                [before.rule for before, _ in found],
                [after.rule for _, after in found],
                [after.rule - after.hold for _, after in found],
                [after.rule - before.rule for before, after in found],
            ]
            rows.append((f"{who} ({len(clients)})", *map(cell, columns)))
    notes = (
        "Sharpe ratio a year, mean over assets with 95 % interval; a position is the smaller the more its asset moves.",
        f"Long, flat or short by the forecast of tomorrow's return; to change it by 1 costs {COST} in y's unit.",
    )
    names = ("assets", "hold", "act before", "act after", "after − hold", "after − before")
    show(f"The value of acting: {experiment.tasks}", names, rows, notes, markdown)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acting", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run with assets, or environments with policies")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(argv)
    one_thread()
    try:
        experiment = Config.from_file(options.run / "config.toml").experiment
    except BadInput as error:
        parser.error(str(error))
    worlds_of_run = worlds(experiment)
    has_assets = NAME in names(experiment.tasks)
    if not (worlds_of_run or has_assets):
        parser.error(
            f"{options.run} has no clients of the family {NAME}, and none with a policy:"
            f" its tasks are {experiment.tasks}"
        )
    if worlds_of_run and not (options.run / "clients.parquet").exists():
        parser.error(f"{options.run} has no clients.parquet: nobody was evaluated")
    if worlds_of_run:
        returns(options.run, experiment, options.markdown)
    if has_assets:
        try:
            worth(options.run, experiment, options.markdown)
        except ValueError as error:
            parser.error(str(error))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
