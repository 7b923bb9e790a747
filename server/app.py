"""The Flower ServerApp: reads the run config, builds the strategy, starts it, keeps the record."""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from logging import INFO, WARNING
from pathlib import Path
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from flwr.supercore import log

from metafed.core.parameters import Vectors
from metafed.experiment.settings import Experiment
from metafed.faults import read_faults
from metafed.federation.federation import Federation, federation_of
from metafed.privacy.budget import guarantee
from metafed.privacy.settings import deployed
from server.asking import record
from server.checkpoint import Checkpoint, PersonalStates
from server.hosts import Hosts
from server.nodes import about_nodes, guarded, nodes_wanted, seconds
from server.patience import Patience, StoppedEarly
from server.record.devices import keep_devices
from server.record.record import Record
from server.record.resume import NotResumable, find
from server.record.rounds import Round
from server.strategy import MetaStrategy

app = ServerApp()

CHECKPOINT_EVERY = 20
"""Rounds from one checkpoint to the next, where nothing else is asked for."""
ROUND_TIMEOUT = 3600.0
"""Seconds to wait for the answers of one round, where the run config does not say."""
Progress = Callable[[dict[str, Any]], None]


def serve(
    grid: Grid,
    federation: Federation,
    keep: Record,
    progress: Progress,
    timeout: float,
    start: Checkpoint | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
    hosts: Hosts | None = None,
) -> Vectors:
    """Meta-train over ``grid``, keep the record, and return the final θ.

    Args:
        grid: The federation, whoever runs it.
        federation: Whose clients are trained.
        keep: Where the record goes; it is not finished here.
        progress: Called with the line of every round, which is then on its way to the disk.
        timeout: Seconds to wait for the answers of one round.
        start: Where to go on; None: from the initial θ.
        checkpoint_every: Rounds from one checkpoint to the next; there is one after the last round besides.
        hosts: The nodes, where they are known already.

    Raises:
        Diverged: Training left the finite numbers; the record holds the rounds before.
    """
    experiment = federation.experiment
    found = getattr(grid, "states", None)
    states = found if isinstance(found, PersonalStates) else None
    reached, saved, patience = start, start.round if start else None, Patience(experiment)

    def save() -> None:
        """Have a checkpoint written of the last finished round."""
        nonlocal saved
        if reached is None or reached.round == saved:
            return
        number, own = states.marked() if states else (reached.round, {})
        # an interrupt may have come between the two; then the checkpoint before is the last
        if number == reached.round:
            keep.checkpoint(replace(reached, clients=own))
            saved = reached.round

    def observe(finished: Round) -> None:
        nonlocal reached
        ends = finished.number == experiment.rounds
        asked_for = finished.number == 0 or (experiment.eval_every and finished.number % experiment.eval_every == 0)
        alone = strategy.trained._replace(seconds=finished.seconds)
        line = keep.round(finished, alone if ends and not asked_for else None)
        if states:
            states.mark(finished.number)
        reached = strategy.snapshot()
        if ends or (finished.number and finished.number % checkpoint_every == 0):
            save()
        progress(line)
        patience.see(line)
        if patience.over and not ends:
            raise StoppedEarly

    strategy = MetaStrategy(federation, observe, hosts=hosts)
    if start is not None:
        strategy.restore(start)
        patience.catch_up(keep.folder / "rounds.jsonl")
        if states:
            states.restore(start.clients)
            states.mark(start.round)
    keep_devices(keep)
    if experiment.private:
        keep.about(privacy=guarantee(experiment))
    arrays = record(strategy.outer.theta)
    try:
        if start is None:
            strategy.evaluate_first(grid, arrays, timeout)
        left = experiment.rounds - strategy.round
        if left and not patience.over:
            strategy.start(grid, arrays, num_rounds=left, timeout=timeout)
    except StoppedEarly:
        log(INFO, "round %d: stopped early", strategy.round)
    finally:
        # an interrupted run keeps what it reached
        save()
    if patience.over and strategy.round < experiment.rounds:
        keep.about(stopped_early=patience.about)
    return strategy.outer.theta


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run under a Flower runtime: the run config is the experiment, with a few settings of the server's own.

    ``out`` names the record's folder, ``round-timeout`` the seconds to wait for the answers of one round,
    ``min-nodes`` how many nodes are enough where not all join. With
    ``resume`` the record is there, and goes on from its last checkpoint.
    """
    settings = dict(context.run_config)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    out = Path(str(settings.pop("out", "")) or f"runs/{stamp}-flower-{context.run_id}")
    fewest = nodes_wanted(settings.pop("min-nodes", 0))
    timeout, again = seconds(settings.pop("round-timeout", ROUND_TIMEOUT)), bool(settings.pop("resume", False))
    if faults := str(settings.get("faults", "")):
        settings["faults"] = read_faults(faults)
    experiment = Experiment.from_run_config(deployed(settings))
    federation = federation_of(experiment)
    keep = Record(out, federation, {"engine": {"engine": "flower", "run_id": str(context.run_id)}}, {}, again=again)
    log(INFO, "The record is written to %s", out.resolve())
    try:
        found = find(out, federation.experiment) if again else None
    except NotResumable:
        keep.discard()  # which leaves it as it was
        raise
    start, reason = None, "failed"
    try:
        if found is not None:
            keep.go_on(found)
            start = found.checkpoint
            for note in found.passed_over:
                log(WARNING, "%s", note)
            log(INFO, "resumed from %s", f"round {start.round}" if start else "the start: no checkpoint can be used")
        hosts = guarded(grid, federation, timeout, fewest)
        keep.about(**about_nodes(hosts), networks=federation.about_modules)
        # a round costs seconds of Flower's own: a checkpoint of each is cheap, and its ServerApp may die at any time
        serve(grid, federation, keep, lambda line: log(INFO, "%s", line), timeout, start, 1, hosts)
        reason = "done"
    finally:
        keep.finish(reason)
