"""The size of a family's episodes in an experiment."""

from metafed.core.episodes import Shots, resized
from metafed.data.family import TaskChoice
from metafed.data.source import Source
from metafed.experiment.settings import Experiment


def shots_of(experiment: Experiment, choice: TaskChoice, source: Source) -> Shots:
    """Return the source's own size, else the family's, with as many query rows in training as are asked for."""
    return resized(source.shots or choice.family.shots, experiment.query_rows)
