"""Operations of an update: counted, equal to the closed form, and exactly affine in the rows of an episode."""

import pytest

from metafed.algorithms import ALGORITHMS, Anil, Fedavg, Fomaml, Maml, Reptile
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.timing import work_of


def experiment(algorithm, depth=1, tasks="personalization", **more):
    return Experiment(algorithm=algorithm, tasks=tasks, depth=depth, width=16, **more)


def passes(work, family="personalization"):
    """Operations of a forward pass of one row, of the gradient by the weights, and of that by the layers' inputs."""
    shapes = work._tasks[family].model.shapes
    layers = [2 * a * b for a, b in (shape for shape in shapes.values() if len(shape) == 2)]
    return sum(layers), sum(layers), sum(layers[1:])


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("steps", [1, 3])
def test_first_order_updates_take_steps_times_rows_times_parameters(depth, steps):
    work = work_of(Federation(experiment(Fomaml(inner_steps=steps), depth)))
    forward, by_weights, by_inputs = passes(work)
    one = forward + by_weights + by_inputs
    assert work.operations("personalization", steps) == (0, steps * one, one)


def test_training_on_all_rows_counts_all_rows_and_the_judging():
    for algorithm in (Fedavg(inner_steps=4), Reptile(inner_steps=4)):
        work = work_of(Federation(experiment(algorithm)))
        forward, by_weights, by_inputs = passes(work)
        one = forward + by_weights + by_inputs
        assert work.operations("personalization", 4) == (0, 4 * one, 4 * one + forward)


def test_the_exact_meta_gradient_takes_more_than_the_first_order_one_and_anil_less():
    exact, first, head = (
        work_of(Federation(experiment(kind(inner_steps=5)))).operations("personalization", 5)(10, 10)
        for kind in (Maml, Fomaml, Anil)
    )
    assert head < exact
    assert 1.5 * first < exact < 6 * first


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_count_is_affine_in_the_rows(name):
    work = work_of(Federation(experiment(ALGORITHMS[name](), tasks="assistant")))
    algorithm = work._algorithm
    counted = work._count("assistant", algorithm, 4, 7)
    assert counted == work.operations("assistant", algorithm.training_steps)(4, 7) > 0


def test_convolutions_count_every_position():
    work = work_of(
        Federation(
            Experiment(tasks="blob-images", algorithm=Fomaml(inner_steps=1), network="small-conv", width=8, filters=4)
        )
    )
    operations = work.operations("blob-images", 1)
    dense = sum(2 * tensor for tensor in (4 * 9, 4 * 4 * 9))
    assert operations.support > 100 * dense
    assert work._count("blob-images", Fomaml(inner_steps=1), 3, 2) == operations(3, 2)


def test_worlds_count_every_step_of_their_episodes():
    work = work_of(Federation(Experiment(tasks="environment:navigation", algorithm=Fomaml(inner_steps=2), width=8)))
    assert work._count("environment", Fomaml(inner_steps=2), 3, 2) == work.operations("environment", 2)(3, 2) > 0


def test_fewer_steps_take_fewer_operations():
    work = work_of(Federation(experiment(Maml())))
    counts = [work.operations("personalization", steps)(5, 5) for steps in range(1, 6)]
    assert counts == sorted(set(counts))


def test_which_kernels_compute_does_not_matter():
    native, torch = (work_of(Federation(experiment(Maml(), kernels=kernels))) for kernels in ("auto", "torch"))
    assert native.operations("personalization", 5) == torch.operations("personalization", 5)
