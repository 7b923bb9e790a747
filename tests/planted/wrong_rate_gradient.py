"""Flower's FedMeta baseline: Meta-SGD's rates are given θ's gradient."""

from metafed.algorithms import meta_sgd
from metafed.algorithms.inner import rate_name

honest = meta_sgd.MetaSgd.update


def same_for_both(self, task, theta, state, episode, server_round):
    update = honest(self, task, theta, state, episode, server_round)
    wrong = {rate_name(n): d for n, d in update.directions.items() if rate_name(n) in update.directions}
    return update._replace(directions={**update.directions, **wrong})


meta_sgd.MetaSgd.update = same_for_both
