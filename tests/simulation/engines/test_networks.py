"""A network's frozen values are read by all workers from one copy; where they are made elsewhere they are compared."""

import os

import numpy as np
import pytest
import torch

from metafed.core.errors import DataError
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation, hand_on
from simulation.engines.networks import apart, lend

OWN = "tests.integration.own_modules"
SMALL = {"tasks": "avatar", "clients": 6, "cohort": 4, "rounds": 2, "chunk": 1}
each_kind = pytest.mark.parametrize("kind", ["Frozen", "Unpicklable"])


def federation(kind):
    return Federation(Experiment(network=f"{OWN}:{kind}", **SMALL))


@each_kind
def test_a_network_that_is_lent_reads_the_constants_where_they_lie(kind, monkeypatch):
    ours = hand_on(federation(kind))
    settings = ours.experiment.to_run_config()
    networks = apart(settings)
    assert (networks["avatar"].network is None) == (kind == "Unpicklable")
    theirs = hand_on(federation(kind))
    lend(settings, networks)
    monkeypatch.setattr(os, "getpid", lambda: 1)  # what is made now has other constants
    one, other = ours.modules["avatar"], theirs.modules["avatar"]
    assert other.about == one.about
    assert federation(kind).modules["avatar"].about != one.about
    types = {path: value.dtype for path, value in other.constants.items()}
    assert types == {"order": torch.int64, "scale": torch.float32, "shift": torch.float32}
    for path, (array, *_) in networks["avatar"].values.items():
        assert np.shares_memory(other.constants[path].view(torch.uint8).numpy(), array)
    for name, value in ours.initial.items():
        assert torch.equal(value, theirs.initial[name])


@each_kind
def test_constants_that_are_not_those_of_the_driver_are_refused(kind):
    settings = hand_on(federation(kind)).experiment.to_run_config()
    networks = apart(settings)
    theirs = hand_on(federation(kind))
    lend(settings, {"avatar": networks["avatar"]._replace(sha256="0" * 64)})
    with pytest.raises(DataError, match="a worker's frozen values of family 'avatar' are not those of this process"):
        _ = theirs.modules


def test_networks_without_constants_and_such_that_cannot_be_used_are_left_to_the_workers():
    for network in ("mlp", f"{OWN}:Gru", f"{OWN}:broken"):
        assert apart(Experiment(network=network, **SMALL).to_run_config()) == {}
