"""Inner steps whose graph is made again give the meta-gradient of those whose graph was kept."""

import gc

import pytest
import torch

from metafed.algorithms import Anil, Fomaml, Maml, MetaSgd
from metafed.core.errors import SettingError
from simulation.cli.flags import parse
from tests.metafed.models.modules import Gru, NormedMlp, Transformer, problem
from tests.metafed.models.problems import network as ours
from tests.metafed.models.problems import relative

STEPS, RATE = 3, 0.3


def both(kind, found, steps=STEPS):
    """Return the updates with and without the graph."""
    task, theta, episode = found
    each = [kind(inner_steps=steps, inner_lr=RATE, remat=remat) for remat in (True, False)]
    return [algorithm.update(task, algorithm.shared(theta), {}, episode, 1) for algorithm in each]


@pytest.mark.parametrize("kind", [Maml, Anil, MetaSgd])
@pytest.mark.parametrize(
    "found", [lambda: problem(NormedMlp), lambda: problem(Transformer), lambda: problem(Gru), ours]
)
def test_the_meta_gradient_is_the_same(kind, found):
    less, more = both(kind, found())
    assert less.directions.keys() == more.directions.keys()
    assert relative(less.directions, more.directions) < 1e-12
    torch.testing.assert_close(less.losses, more.losses, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(less.output, more.output, rtol=1e-12, atol=1e-12)
    assert (less.step, less.state) == (more.step, more.state)


def test_without_a_step_it_is_the_gradient():
    less, more = both(Maml, problem(NormedMlp), steps=0)
    assert relative(less.directions, more.directions) < 1e-12


def kept(kind, remat, steps):
    """Return how many numbers are kept for derivatives when most are, as autograd packs and drops them."""
    task, theta, episode = problem(NormedMlp, clients=4, rows=(40, 5), width=20)
    held, most = 0, 0

    class Packed:
        def __init__(self, tensor):
            nonlocal held, most
            self.tensor, self.size = tensor, tensor.numel()
            held += self.size
            most = max(most, held)

        def __del__(self):
            nonlocal held
            held -= self.size

    with torch.autograd.graph.saved_tensors_hooks(Packed, lambda packed: packed.tensor):
        kind(inner_steps=steps, inner_lr=RATE, remat=remat).update(task, theta, {}, episode, 1)
    gc.collect()
    return most


def test_memory_does_not_grow_with_the_steps():
    less = [kept(Maml, True, steps) for steps in (2, 8)]
    more = [kept(Maml, False, steps) for steps in (2, 8)]
    assert less[1] <= 1.05 * less[0]
    assert more[1] > 3 * more[0]


def test_who_keeps_no_graph_refuses_it():
    with pytest.raises(SettingError, match="--remat does nothing"):
        Fomaml(remat=True)


def test_the_flag_is_the_algorithms():
    assert parse(["--remat"]).experiment.algorithm == Maml(remat=True)
    assert not parse([]).experiment.algorithm.remat


def test_theta_stays_as_it_is():
    task, theta, episode = problem(NormedMlp)
    before = {name: value.clone() for name, value in theta.items()}
    Maml(inner_steps=2, remat=True).update(task, theta, {}, episode, 1)
    assert all(torch.equal(theta[name], before[name]) for name in before)
