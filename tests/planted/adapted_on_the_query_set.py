"""pFedMe's repository: personalization takes its steps on test data."""

from client.host import Host
from metafed.federation.population import Population

honest = Host._evaluate_chunk


def peeking(self, vectors, family, chunk, states):
    draw = Population.evaluation

    def leaked(population, clients):
        drawn = draw(population, clients)
        return drawn._replace(episode=drawn.episode._replace(support=drawn.episode.query))

    Population.evaluation = leaked
    try:
        return honest(self, vectors, family, chunk, states)
    finally:
        Population.evaluation = draw


Host._evaluate_chunk = peeking
