"""How many clients there are where nobody says it: as many as the data have."""

from functools import lru_cache

from pydantic import ValidationError

from metafed.core.settings import explain
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.streams import say


def all_people(config: Config) -> Config:
    """Return ``config`` with all clients that its data sets have, where ``--clients`` is not given; and say so.

    Where a family can make any number of clients the default stays, or becomes what the smallest data set allows.
    Whether it is given is what pydantic knows of a setting: a default was not.

    Raises:
        BadInput: The data cannot be read, or another setting does not fit so many clients.
    """
    experiment = config.experiment
    if "clients" in experiment.model_fields_set:
        return config
    try:
        there = [source.clients for source in Federation(experiment).sources]
    except ValueError as error:
        raise BadInput(str(error)) from None
    shares = experiment.proportions
    blocks = [number // share for number, share in zip(there, shares, strict=True) if number is not None]
    most = min(blocks, default=0) * sum(shares)
    clients = most if None not in there else min(most, experiment.clients)
    if not most or clients == experiment.clients:  # none at all is an error of its own
        return config
    try:
        whole = Experiment.model_validate({**experiment.model_dump(), "clients": clients})
    except ValidationError as error:
        raise BadInput(f"{clients} clients, all that the data have: {explain(error)}") from None
    tell(clients)
    return config.model_copy(update={"experiment": whole})


@lru_cache
def tell(clients: int) -> None:
    """Say how many clients there are, once a process."""
    say(f"metafed: --clients (clients=… in Python) is not given: {clients} are taken, all that the data have")
