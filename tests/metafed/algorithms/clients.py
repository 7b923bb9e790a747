"""Clients for any algorithm: θ as its server holds it, and a state of each client's own."""

import torch

from metafed.algorithms import ALGORITHMS
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.core.streams import stream
from tests.metafed.models.problems import tensor

SUPERVISED = ("classification", "regression")
"""The kinds whose tasks are given by rows alone; control: tests/metafed/tasks/test_policy_gradient.py."""

CASES = [(name, kind) for name, chosen in ALGORITHMS.items() for kind in chosen.kinds if kind in SUPERVISED]


def begin(algorithm, theta, clients, seed=0):
    """Return θ as the server holds it and states that differ from client to client."""
    rng = stream(seed, "states")
    state = {n: value + 0.3 * tensor(rng, clients, *value.shape) for n, value in algorithm.personal(theta).items()}
    return algorithm.shared(theta), state


def path(algorithm, task, theta, state, support, steps):
    """Return the personal parameters after 0 … ``steps`` steps."""
    start = spread(theta, len(support.mask))
    found = algorithm.adapt(task, start, state, support, steps)
    return [{name: value.detach() for name, value in params.items()} for params in found]


def padded(batch, extra, filling):
    """Append ``extra`` masked rows that hold ``filling``."""
    clients = len(batch.mask)
    x = torch.cat([batch.x, torch.full((clients, extra, *batch.x.shape[2:]), filling, dtype=batch.x.dtype)], 1)
    y = torch.cat([batch.y, torch.zeros(clients, extra, *batch.y.shape[2:], dtype=batch.y.dtype)], 1)
    return Batch(x, y, torch.cat([batch.mask, torch.zeros(clients, extra, dtype=batch.mask.dtype)], 1))


def ragged(episode):
    """Mask the last rows, more of them from client to client."""

    def shorten(batch):
        rows = batch.mask.shape[1] - torch.arange(len(batch.mask)).unsqueeze(1)
        return batch._replace(mask=batch.mask * (torch.arange(batch.mask.shape[1]) < rows))

    return Episode(shorten(episode.support), shorten(episode.query))


def pick(params, client):
    """Return one client's own parameters, C = 1."""
    return {name: value[client : client + 1] for name, value in params.items()}


def same(left, right, tolerance=1e-12):
    """Assert that two sets of parameters have the same names and values."""
    assert left.keys() == right.keys()
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], rtol=tolerance, atol=tolerance)
