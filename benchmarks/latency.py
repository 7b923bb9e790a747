"""``python -m benchmarks.latency``: how long one client's network takes for one step, on one core.

A step is one row: for ``gru`` and ``transformer`` a whole window of moments, none of it kept from the step before. A
headset of 90 frames a second has 11 ms for all that it does.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from benchmarks.results import check_target, complain, write
from metafed.core.parameters import spread
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation.cli.errors import BadInput

FRAME = 1 / 90
"""Seconds of a frame."""
BEFORE = 50
"""Steps that are not counted."""


@dataclass
class Options:
    """Time single steps."""

    tasks: str = "avatar"
    """One data set."""
    networks: str = "auto,gru,transformer"
    """What computes it, one after the other; auto is the family's own network."""
    data_dir: str = ""
    """Where the data sets lie."""
    steps: int = 2000
    """Steps of each network."""
    json: Path | None = None
    """A file for the raw figures."""


def steps(experiment: Experiment, count: int) -> "np.ndarray":
    """Return the seconds of each step ``(count, 2)``: by the clock, and of the processor."""
    federation = Federation(experiment)
    (family,) = federation.tasks
    task, theta = federation.tasks[family], spread(federation.initial, 1)
    own = {name: value for name, value in theta.items() if name in task.model.shapes}
    x = torch.from_numpy(federation.population.split(0).own.x).to(next(iter(own.values())))
    found = np.empty((count, 2))
    with torch.inference_mode():
        for number in range(-BEFORE, count):
            row = x[number % len(x)].reshape(1, 1, -1)
            begun = time.perf_counter(), time.process_time()
            task.predict(own, row)
            if number >= 0:
                found[number] = time.perf_counter() - begun[0], time.process_time() - begun[1]
    return found


def line(name: str, seconds: "np.ndarray") -> str:
    """Return what is said of a network."""
    parts = []
    for what, own in zip(("clock", "processor"), seconds.T, strict=True):
        middle, most = np.percentile(own, [50, 99]) * 1e3
        parts.append(f"{what} median {middle:6.3f} ms, 99 % within {most:6.3f} ms")
    late = (seconds[:, 0] > FRAME).mean()
    return f"{name:<12} {'; '.join(parts)}; {late:.1%} later than {FRAME * 1e3:.0f} ms"


def measure(options: Options) -> dict[str, Sequence[Sequence[float]]]:
    """Time every network, and print a line of each."""
    torch.set_num_threads(1)
    found = {}
    for name in options.networks.split(","):
        settings = {"tasks": options.tasks, "network": name, "clients": 2, "data_dir": options.data_dir}
        seconds = steps(Experiment.model_validate(settings), options.steps)
        print(line(name, seconds))
        found[name] = seconds.tolist()
    return found


def main() -> None:
    """Parse the options, measure and print."""
    options = tyro.cli(Options)
    try:
        check_target(options.json)
        found = measure(options)
    except BadInput as error:
        complain(error)
    except ValueError as error:
        complain(BadInput(str(error)))
    if options.json is not None:
        write(options.json, "latency", asdict(options), {"seconds": found})


if __name__ == "__main__":
    main()
