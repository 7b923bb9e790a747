"""What a round takes on the clients' devices: a federation's numbers for the virtual clock."""

import numpy as np

from metafed.core.parameters import part_of
from metafed.devices.fleet import Fleet
from metafed.devices.plan import Planner
from metafed.devices.work import Work
from metafed.federation.chunking import update_bytes
from metafed.federation.federation import Federation
from metafed.federation.shots import shots_of


def work_of(federation: Federation) -> Work:
    """Return what updates of a federation's clients take."""
    experiment, roster = federation.experiment, federation.roster
    # our own kernels are out of sight of PyTorch's counter, and compute the same
    tasks = federation.tasks_by("torch")
    itemsize = np.dtype(experiment.precision).itemsize
    initial = {
        family: {n: t for n, t in federation.initial.items() if part_of(n) in roster.parts(family)}
        for family in roster.families
    }
    memory = {}
    for choice, source in zip(federation.choices, federation.sources, strict=True):
        shots, family = shots_of(experiment, choice, source), choice.family
        strata = source.outputs if shots.per_class else 1
        model, algorithm = tasks[family.name].model, experiment.algorithm
        memory[family.name] = update_bytes(algorithm, model, family.image, shots, strata, itemsize)
    sources = dict(zip(roster.families, federation.sources, strict=True))
    return Work(experiment.algorithm, tasks, sources, initial, memory)


def planner_of(federation: Federation, fleet: Fleet) -> Planner:
    """Return what plans a federation's rounds on a fleet."""
    experiment, roster, layout = federation.experiment, federation.roster, federation.layout
    scalar = np.dtype(experiment.precision).itemsize
    silent = experiment.algorithm.weighs == "none"  # such clients neither get nor send anything
    held = {
        family: 0 if silent else scalar * sum(layout.size(p) for p in roster.parts(family) if p in layout.parts)
        for family in roster.families
    }
    return Planner(
        experiment.devices,
        fleet,
        experiment.seed,
        experiment.algorithm.training_steps,
        roster.family,
        work_of(federation),
        held,
    )
