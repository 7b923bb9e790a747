"""The size of a family's episodes in an experiment."""

from dataclasses import replace

from metafed.core.episodes import Shots
from metafed.data.family import TaskChoice
from metafed.data.source import Source
from metafed.experiment.settings import Experiment


def shots_of(experiment: Experiment, choice: TaskChoice, source: Source) -> Shots:
    """Return the source's own size, else the family's, with as many query rows in training as are asked for."""
    own = source.shots or choice.family.shots
    return own if experiment.query_rows is None else replace(own, query=experiment.query_rows)
