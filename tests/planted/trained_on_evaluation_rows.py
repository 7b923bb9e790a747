"""Meta-training draws from the rows that evaluation judges on."""

from metafed.federation.population import Population

honest = Population._split


def swapped(self, client):
    own, _, evaluation = honest(self, client)
    return own, evaluation, evaluation


Population._split = swapped
