"""``python -m benchmarks.first_order``: who is hurt where MAML's second derivatives are left out.

MAML and first-order MAML are run with the same clients and seeds. At the θ that MAML reached, every unseen client has
two meta-gradients of its evaluation episode, the exact one and the first-order one, and their cosine says how good the
approximation is for that client. Is it the clients with a poor one who gain less by first-order MAML than by MAML?
Spearman's ρ within each family, a seed at a time; intervals are Student's t over seeds. ρ above 0 in the last two
columns says: the better the approximation for a client, the less it loses by it. All other flags go to both runs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.gradients import one_thread
from benchmarks.results import check_target, complain, write
from benchmarks.studies import Study, run
from benchmarks.tables import show
from metafed.algorithms import Fomaml, Maml
from metafed.algorithms.inner import Descent
from metafed.core.parameters import Params
from metafed.experiment.settings import Experiment
from metafed.fairness.intervals import Estimate, student_interval, without_interval
from metafed.fairness.metrics import Values
from metafed.fairness.panel import WHOLE
from metafed.fairness.replicates import FEWEST_SEEDS
from metafed.federation.federation import Federation
from simulation.cli.errors import BadInput, RunDiverged
from simulation.cli.flags import parse

COLUMNS = (
    "cosine",
    "gain_exact",
    "gain_first",
    "lost",
    "rho_data",
    "rho_gain_exact",
    "rho_gain_first",
    "rho_score",
    "rho_loss",
)
"""What is measured of a family in a seed."""


def cosines(experiment: Experiment, theta: Params, clients: Sequence[int]) -> dict[int, float]:
    """Return each client's cosine of its two meta-gradients, over all parts of θ that it holds; 0 where one vanishes.

    Args:
        experiment: With ``maml`` or ``fomaml``, whose inner steps and rate count.
        theta: θ without a client axis.
        clients: Their ids.
    """
    own = experiment.algorithm
    if not isinstance(own, Descent):
        raise TypeError(f"an algorithm with inner steps is needed, got {own}")
    settings = {"inner_steps": own.inner_steps, "inner_lr": own.inner_lr}
    exact, first = Maml(**settings), Fomaml(**settings)
    federation = Federation(experiment)
    population, task_of = federation.population, federation.tasks
    found = {}
    for family, chunk in federation.chunks(clients, evaluation=True):
        task, episode = task_of[family], population.evaluation(chunk).episode
        held = {name: value for name, value in theta.items() if name in task.model.shapes}
        pair = [algorithm.update(task, held, {}, episode, 1).directions for algorithm in (exact, first)]
        one, other = (torch.cat([g.flatten(1).double() for _, g in sorted(each.items())], 1) for each in pair)
        values = torch.nn.functional.cosine_similarity(one, other, dim=1)
        found |= dict(zip(chunk, values.tolist(), strict=True))
    return found


def trained(folder: Path, experiment: Experiment) -> Params:
    """Return the θ of a finished run.

    Raises:
        BadInput: It has no checkpoint.
        server.checkpoint.Damaged: The newest is not whole.
    """
    from server.checkpoint import read, there

    place = folder / "checkpoints"
    newest = next(iter(there(place)), None)
    if newest is None:
        raise BadInput(f"{folder}: has no checkpoint, and so no θ")
    theta = read(place, newest)[0].theta
    return Federation(experiment).layout.unflatten(
        {part: torch.from_numpy(vector.copy()) for part, vector in theta.items()}
    )


def of_a_seed(maml: Path, fomaml: Path, experiment: Experiment) -> dict[str, dict[str, float]]:
    """Return ``COLUMNS`` by family, of the unseen clients whom both runs served."""
    from simulation.records.methods import read_method

    both = [next(iter(read_method(folder).seeds.values())).people for folder in (maml, fomaml)]
    fine = (both[0].state == WHOLE) & (both[1].state == WHOLE) & ~both[0].seen
    exact, first = (people.where(fine) for people in both)
    known = cosines(experiment, trained(maml, experiment), [int(client) for client in exact.client])
    cosine = np.array([known[int(client)] for client in exact.client])
    gains = [people.scores[:, -1] - people.scores[:, 0] for people in (exact, first)]
    better = {"rho_score": first.scores[:, -1] - exact.scores[:, -1], "rho_loss": exact.loss - first.loss}
    found = {}
    for family in np.unique(exact.family.astype(str)):
        own = exact.family == family
        beside: Mapping[str, Values] = {
            "rho_data": exact.n,
            "rho_gain_exact": gains[0],
            "rho_gain_first": gains[1],
            **better,
        }
        found[str(family)] = {
            "cosine": float(cosine[own].mean()),
            "gain_exact": float(gains[0][own].mean()),
            "gain_first": float(gains[1][own].mean()),
            "lost": float(-better["rho_score"][own].mean()),
            **{name: rank_correlation(cosine[own], values[own]) for name, values in beside.items()},
        }
    return found


def rank_correlation(one: Values, other: Values) -> float:
    """Return Spearman's ρ; 0 where either has the same value everywhere, since nothing can then go with it."""
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def over_seeds(seeds: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Estimate]]:
    """Return the mean over seeds of every column by family, and of ``all``: the mean over families."""
    families = list(seeds[0])
    table: dict[str, dict[str, Estimate]] = {}
    for family in (*families, "all"):
        of = families if family == "all" else [family]
        for name in COLUMNS:
            values = np.array([np.mean([seed[each][name] for each in of]) for seed in seeds])
            few = len(values) < FEWEST_SEEDS
            estimate = (
                without_interval(float(values.mean()), len(values), "few seeds") if few else student_interval(values)
            )
            table.setdefault(family, {})[name] = estimate
    return table


def cell(estimate: Estimate) -> str:
    """Write an estimate with its interval."""
    ends = "" if estimate.low is None else f" [{estimate.low:+.2f}, {estimate.high:+.2f}]"
    return f"{estimate.value:+.3f}{ends}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    reader = argparse.ArgumentParser(prog="python -m benchmarks.first_order", description=__doc__)
    reader.add_argument("--out", type=Path, default=Path("runs/first-order"), help="folder of the runs")
    reader.add_argument("--markdown", action="store_true")
    reader.add_argument("--json", type=Path, help="write the figures to this file as well")
    asked, words = reader.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    try:
        check_target(asked.json)
        methods = {name: parse([*words, "--algorithm", name]) for name in ("maml", "fomaml")}
        one_thread()
        failed = run(Study(methods, (), None), asked.out)
        if failed:
            raise RunDiverged(failed[0])
        base = methods["maml"].experiment
        seeds = range(base.seed, base.seed + (methods["maml"].seeds or 1))
        found = [
            of_a_seed(*(asked.out / name / f"seed-{seed}" for name in methods), base.model_copy(update={"seed": seed}))
            for seed in seeds
        ]
    except BadInput as error:
        return complain(error)
    except RunDiverged as error:
        print(f"metafed: {error}", file=sys.stderr)
        return 1
    table = over_seeds(found)
    names = ("family", "cosine", "gain, MAML", "gain, first order", "lost by it", "ρ(cosine, rows owned)")
    names += ("ρ(cosine, gain, MAML)", "ρ(cosine, gain, first order)", "ρ(cosine, score kept)", "ρ(cosine, loss kept)")
    rows = [[family, *(cell(values[name]) for name in COLUMNS)] for family, values in table.items()]
    seeds = f"{len(found)} seed{'s' * (len(found) != 1)}"
    note = f"Unseen clients, {seeds}; all: mean over families. Kept: first order minus MAML, loss minus loss."
    show("Exact and first-order MAML", names, rows, (note,), asked.markdown)
    if asked.json is not None:
        plain = {family: {name: each._asdict() for name, each in values.items()} for family, values in table.items()}
        write(asked.json, "first_order", {"flags": words}, {"seeds": found, "over_seeds": plain})
    return 0


if __name__ == "__main__":
    sys.exit(main())
