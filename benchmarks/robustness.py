"""``python -m benchmarks.robustness``: lies × aggregators, and how well honest clients are served after training.

A fifth of the seen clients of every family lie in every round. Scores are of the honest seen clients alone, after
adaptation (the protocol of Ditto: Li, Hu, Beirami, Smith 2021, arXiv 2012.04221, section 4.1): their mean, and that of
the lowest tenth of them. Both are means over the seeds, and so is the loss against the mean without an attack, over the
very same clients, in points (hundredths of a score).
"""

import argparse
import json
import logging
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import numpy as np

from benchmarks.gradients import one_thread
from benchmarks.results import check_target, write
from benchmarks.tables import show
from metafed.aggregators import AGGREGATORS
from metafed.experiment.settings import Experiment
from metafed.fairness.metrics import worst10
from metafed.federation.federation import Federation
from metafed.messages.packing import Rows
from server.asking import record
from server.endings import Diverged
from server.record.rounds import Round
from server.strategy import MetaStrategy
from simulation.cli.errors import BadInput
from simulation.engines.local import LocalGrid

NONE = "none"
ATTACKS: dict[str, dict[str, object]] = {
    NONE: {},
    "sign-flip": {"kind": "sign-flip", "strength": 5.0},
    "alie": {"kind": "alie"},
    "inner-product": {"kind": "inner-product", "strength": 5.0},
    "random": {"kind": "random", "strength": 10.0},
    "label-flip": {"kind": "label-flip"},
}
STRENGTHENED = [name for name, settings in ATTACKS.items() if "strength" in settings]
"""Attacks of which any strength can be asked, as NAME:STRENGTH."""
WITHIN = 0.05
"""A defence holds an attack where it costs the honest worst tenth no more than this."""


def fault(attack: str) -> dict[str, object]:
    """Return what the liars do in an attack, ``NAME`` or ``NAME:STRENGTH``.

    Raises:
        ValueError: There is no such attack.
    """
    name, colon, strength = attack.partition(":")
    if name not in (STRENGTHENED if colon else ATTACKS):
        known = f"known: {', '.join(ATTACKS)}; with :STRENGTH: {', '.join(STRENGTHENED)}"
        raise ValueError(f"unknown attack {attack!r} ({known})")
    try:
        return {**ATTACKS[name], **({"strength": float(strength)} if colon else {})}
    except ValueError:
        raise ValueError(f"attack {attack!r}: the strength {strength!r} is no number") from None


def liars(experiment: Experiment) -> list[int]:
    """Return every fifth seen client of each family."""
    roster = Federation(experiment).roster
    return sorted(c for _, own in roster.by_family(range(roster.seen)) for c in own[::5])


def evaluated(experiment: Experiment, trained: bool = True) -> list[Rows]:
    """Train in this process, unless asked not to, and return the rows of the evaluation after that.

    Raises:
        Diverged: Training left the finite numbers.
    """
    rounds: list[Round] = []
    layout = Federation(experiment).layout
    theta = {p: flat.numpy() for p, flat in layout.flatten(Federation(experiment).theta, layout.parts).items()}
    strategy = MetaStrategy(Federation(experiment), rounds.append)
    grid = LocalGrid(experiment.to_run_config())
    if trained:
        strategy.start(grid, record(theta), num_rounds=experiment.rounds, timeout=3600)
    else:
        strategy.evaluate_first(grid, record(theta), 3600)
    return list(rounds[-1].evaluation)


def honest_scores(experiment: Experiment, lying: Sequence[int]) -> np.ndarray:
    """Return the scores after adaptation of the honest seen clients, after the last round.

    Raises:
        Diverged: Training left the finite numbers.
    """
    seen, others = Federation(experiment).roster.seen, set(lying)
    found = {
        int(client): float(score)
        for rows in evaluated(experiment)
        for client, score in zip(rows.client, rows.score[:, -1], strict=True)
        if client < seen and int(client) not in others
    }
    return np.array([found[client] for client in sorted(found)])


def cell(base: dict[str, object], aggregator: str, attack: str, seed: int) -> tuple[float, float]:
    """Return the mean and the worst tenth of honest clients; a run that diverges has served nobody."""
    lying = liars(Experiment.model_validate({**base, "seed": seed}))
    faults = json.dumps({"fault": [{**fault(attack), "clients": lying}]}) if attack != NONE else None
    experiment = Experiment.model_validate({**base, "seed": seed, "aggregator": aggregator, "faults": faults})
    try:
        scores = honest_scores(experiment, lying)
    except Diverged:
        return float("nan"), float("nan")
    return float(scores.mean()), float(worst10(scores))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument("--aggregators", default=",".join(n for n, a in AGGREGATORS.items() if a.robust or a.sums))
    parser.add_argument(
        "--attacks", default=",".join(ATTACKS), help=f"of {', '.join(ATTACKS)}, or NAME:STRENGTH; none is always run"
    )
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--tasks", default="personalization,assistant")
    parser.add_argument("--algorithm", default="maml")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args(argv)
    aggregators, attacks = options.aggregators.split(","), options.attacks.split(",")
    for name in aggregators:
        if name not in AGGREGATORS and ":" not in name:  # module:Class is anybody's aggregator
            parser.error(f"unknown aggregator {name!r} (known: {', '.join(AGGREGATORS)})")
    try:
        for attack in attacks:
            fault(attack)
        check_target(options.json)
    except (BadInput, ValueError) as error:
        parser.error(str(error))
    one_thread()
    logging.getLogger("flwr").setLevel(logging.WARNING)
    base: dict[str, object] = {"clients": options.clients, "rounds": options.rounds, "tasks": options.tasks}
    base |= {"algorithm": options.algorithm, "unseen": 0.2, "eval_every": 0}
    seen = options.clients - round(0.2 * options.clients)
    base |= {"cohort": seen}
    found: dict[tuple[str, str], np.ndarray] = {}
    started = time.monotonic()
    for attack in dict.fromkeys([NONE, *attacks]):
        for name in aggregators if attack != NONE else dict.fromkeys(["mean", *aggregators]):
            cells = [cell(base, name, attack, seed) for seed in range(options.seeds)]
            found[attack, name] = np.array(cells).mean(0)
            mean, worst = found[attack, name]
            said = f"{attack:>14} {name:<18} {mean:.3f} {worst:.3f} {time.monotonic() - started:6.0f} s"
            print(said, file=sys.stderr, flush=True)
    usual = found[NONE, "mean"]
    rows = []
    for (attack, name), (mean, worst) in found.items():
        lost = 100 * (usual[1] - worst)
        holds = "yes" if lost <= 100 * WITHIN else "no"
        rows.append([attack, name, f"{mean:.3f}", f"{worst:.3f}", f"{lost:+.1f}", holds])
    notes = (
        (
            f"{options.tasks}, {options.algorithm}, {options.rounds} rounds, {seen} clients a round, a fifth of them"
            f" lying; {options.seeds} seed{'s' * (options.seeds != 1)}; honest seen clients after adaptation."
        ),
        f"Loss: of the worst tenth, in points, against the mean without an attack; held: at most {100 * WITHIN:.0f}.",
    )
    names = ("attack", "aggregator", "honest mean", "worst 10 %", "loss", "held")
    show("Aggregators under attack", names, rows, notes, options.markdown)
    if options.json:
        cells = [
            # what diverged has no score
            {"attack": attack, "aggregator": name, "mean": None, "worst10": None}
            if math.isnan(mean)
            else {"attack": attack, "aggregator": name, "mean": float(mean), "worst10": float(worst)}
            for (attack, name), (mean, worst) in found.items()
        ]
        settings = {**base, "seeds": options.seeds, "aggregators": aggregators, "attacks": attacks}
        write(options.json, "robustness", settings, {"cells": cells})
    return 0


if __name__ == "__main__":
    sys.exit(main())
