"""The Flower ServerApp: reads the run config, builds the strategy, starts it, keeps the record."""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from collections.abc import Callable
from datetime import UTC, datetime
from logging import INFO
from pathlib import Path
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from flwr.supercore import log

from metafed.experiment import Experiment
from metafed.parameters import Vectors
from metafed.population import layout_of, shared_theta
from server.record import Record
from server.rounds import Round
from server.strategy import MetaStrategy, record

app = ServerApp()

Progress = Callable[[dict[str, Any]], None]


def serve(grid: Grid, experiment: Experiment, keep: Record, progress: Progress, timeout: float) -> Vectors:
    """Meta-train over ``grid``, keep the record, and return the final θ.

    Args:
        grid: The federation, whoever runs it.
        experiment: What is computed.
        keep: Where the record goes; it is not finished here.
        progress: Called with the line of every round, which is then on its way to the disk.
        timeout: Seconds to wait for the answers of one round.

    Raises:
        Diverged: Training left the finite numbers; the record holds the rounds before.
    """
    layout = layout_of(experiment)
    theta = {p: flat.numpy() for p, flat in layout.flatten(shared_theta(experiment), layout.parts).items()}

    def observe(finished: Round) -> None:
        progress(keep.round(finished))

    strategy = MetaStrategy(experiment, layout, theta, observe)
    arrays = record(theta)
    try:
        strategy.evaluate_first(grid, arrays, timeout)
        strategy.start(grid, arrays, num_rounds=experiment.rounds, timeout=timeout)
    finally:
        # an interrupted run keeps the θ that it reached
        keep.checkpoint(strategy.round, strategy.outer.theta)
    return strategy.outer.theta


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run under a Flower runtime: the run config is the experiment, and ``out`` names the record's folder."""
    settings = dict(context.run_config)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    out = Path(str(settings.pop("out", "")) or f"runs/{stamp}-flower-{context.run_id}")
    experiment = Experiment.from_run_config(settings)
    keep = Record(out, experiment, {"engine": {"engine": "flower", "run_id": str(context.run_id)}}, {})
    log(INFO, "The record is written to %s", out.resolve())
    reason = "failed"
    try:
        serve(grid, experiment, keep, lambda line: log(INFO, "%s", line), timeout=3600)
        reason = "done"
    finally:
        keep.finish(reason)
