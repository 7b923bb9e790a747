"""What an update costs, counted and not assumed: in evaluations of a gradient.

One gradient evaluation is what one gradient of the loss on all rows of one client's episode, support and
query, takes. An update's cost is its floating-point operations over those of such a gradient, both
counted by PyTorch while it computes (matrix products and convolutions, whatever they are for: forward,
backward, second derivatives, and the outputs from which a client is evaluated). So a second-order step costs what it
takes, and a gradient on half of the rows is half an evaluation.
"""

import torch

from benchmarks.counting import counted
from metafed.algorithms import Algorithm
from metafed.algorithms.inner import gradient
from metafed.algorithms.local_training import all_rows
from metafed.core.episodes import Episode
from metafed.core.parameters import Params, spread
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.tasks.task import Task


def evaluations(algorithm: Algorithm, task: Task, theta: Params, episode: Episode) -> float:
    """Return the gradient evaluations of one update, a client; the clients of ``episode`` count alike.

    Args:
        algorithm: The algorithm.
        task: The clients' network and loss.
        theta: The network's parameters, without a client axis.
        episode: One episode a client.
    """
    clients = len(episode.support.mask)
    state = spread(algorithm.personal(theta), clients)
    update = counted(lambda: algorithm.update(task, algorithm.shared(theta), state, episode, 1))
    return update / counted(lambda: gradient(task, spread(theta, clients), all_rows(episode), theta))


def evaluations_of_a_round(experiment: Experiment) -> float:
    """Return the gradient evaluations that one round of the whole cohort takes."""
    from client.host import Host

    # PyTorch counts what its own kernels do; ours do the same work
    experiment = experiment.model_copy(update={"kernels": "torch"})
    federation = Federation(experiment)
    roster, population, task_of = federation.roster, federation.population, federation.tasks
    host, cohort = Host(federation), roster.cohort(1)
    whole = counted(lambda: host.train(federation.vectors, cohort, 1, {}))
    network, total = federation.initial, 0.0
    for family, members in federation.chunks(cohort):
        task, episode = task_of[family], population.training(members, 1).episode
        own = {name: value for name, value in network.items() if name in task.model.shapes}
        total += counted(lambda t=task, o=own, e=episode: gradient(t, spread(o, len(e.query.mask)), all_rows(e), o))
    return whole / total * len(cohort)


def one_thread() -> None:
    """Use one intra-op thread, as every worker does."""
    torch.set_num_threads(1)
