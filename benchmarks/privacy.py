"""``python -m benchmarks.privacy``: who pays for the noise: score, worst tenth and harmed share of clients against ε.

Unseen and seen clients together, after adaptation, without privacy and at several ε. In the central model the clip is
adaptive; in the local one it is fixed.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import numpy as np

from benchmarks.gradients import one_thread
from benchmarks.robustness import evaluated
from benchmarks.tables import show
from metafed.experiment.settings import Experiment
from metafed.fairness.harmed import gain, harmed, tolerance
from metafed.fairness.metrics import worst10
from metafed.federation.federation import Federation
from metafed.privacy.budget import noise_of


def served(experiment: Experiment, trained: bool = True) -> tuple[float, float, float]:
    """Return mean score, worst tenth, and the share of clients that adaptation harms, after training or before."""
    roster = Federation(experiment).roster
    kinds = {choice.family.name: choice.kind for choice in Federation(experiment).choices}
    scores: list[float] = []
    hurt: list[bool] = []
    for rows in evaluated(experiment, trained):
        before, after = rows.score[:, 0], rows.score[:, -1]
        kind = kinds[roster.family(int(rows.client[0]))]
        allowed = tolerance(before, after, rows.sizes[:, 2], kind)
        scores += after.tolist()
        hurt += harmed(gain(before, after), allowed).tolist()
    return float(np.mean(scores)), float(worst10(np.array(scores))), float(np.mean(hurt))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.privacy", description=__doc__)
    parser.add_argument("--epsilons", default="2,8,32")
    parser.add_argument("--models", default="central", help="central, local, or both with a comma between")
    parser.add_argument("--clip", type=float, default=0.1, help="the fixed clip of the local model")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--cohort", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default="personalization,assistant")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(argv)
    one_thread()
    logging.getLogger("flwr").setLevel(logging.WARNING)
    base = {"clients": options.clients, "cohort": options.cohort, "rounds": options.rounds, "tasks": options.tasks}
    models = options.models.split(",")
    if unknown := set(models) - {"central", "local"}:
        parser.error(f"unknown model {unknown.pop()!r} (known: central, local)")
    cases: list[tuple[str, float | None]] = [("untrained", None), ("not private", None)]
    cases += [(model, float(text)) for model in models for text in options.epsilons.split(",")]
    rows = []
    for model, target in cases:
        own: dict[str, object] = {}
        if target is not None:
            own = {"epsilon": target, "model": model}
            own |= {"quantile": 0.5} if model == "central" else {"clip": options.clip}
        settings = {**base, "sampling": "poisson", "eval_every": 0, "privacy": own}
        experiments = [Experiment.model_validate({**settings, "seed": seed}) for seed in range(options.seeds)]
        noise = f"{noise_of(experiments[0]):.3f}" if target is not None else "–"
        trained = model != "untrained"
        mean, worst, share = np.mean([served(experiment, trained) for experiment in experiments], axis=0)
        shown = "none" if target is None else f"{target:g}"
        rows.append([model, shown, noise, f"{mean:.3f}", f"{worst:.3f}", f"{share:.1%}"])
        print(*rows[-1], file=sys.stderr, flush=True)
    notes = (
        (
            f"{options.tasks}, maml, {options.clients} clients, Poisson cohorts of {options.cohort} expected,"
            f" {options.rounds} rounds, {options.seeds} seed{'s' * (options.seeds != 1)}."
        ),
    )
    show(
        "Who pays for the noise", ("model", "ε", "noise", "mean", "worst 10 %", "harmed"), rows, notes, options.markdown
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
