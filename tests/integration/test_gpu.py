"""On a GPU: the CPU's results up to rounding, the same bits every time, and no memory kept from round to round."""

import numpy as np
import pytest
import torch

from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation.engines.local import LocalGrid
from simulation.engines.ray import RayGrid
from tests.integration.pool import initial, run
from tests.simulation.command.running import manifest
from tests.simulation.command.running import run as run_command

pytestmark = pytest.mark.gpu

DEVICE = "cuda"
COMMON = {"rounds": 3, "eval_every": 0, "outer_optimizer": "sgd", "outer_lr": 0.1, "seed": 5}
MIXED = {"clients": 12, "cohort": 9, **COMMON}
CONV = {"tasks": "blob-images", "clients": 6, "cohort": 4, "filters": 16, "chunk": 2, **COMMON}


@pytest.fixture(autouse=True)
def _cuda():
    if not torch.cuda.is_available():
        pytest.fail("these tests need a CUDA device, and PyTorch finds none")


def theta_after(experiment, device):
    return run(experiment, LocalGrid(experiment.to_run_config(), device))


@pytest.mark.parametrize(
    "settings", [MIXED, {**CONV, "norm": "group"}, CONV], ids=["mixed", "conv-group", "conv-batch"]
)
def test_cuda_agrees_with_the_cpu(settings):
    experiment = Experiment(**settings)
    expected, start = theta_after(experiment, "cpu"), initial(experiment)
    for part, vector in theta_after(experiment, DEVICE).items():
        np.testing.assert_allclose(vector, expected[part], rtol=0, atol=1e-4)
        assert not np.array_equal(vector, start[part])


@pytest.mark.parametrize("settings", [MIXED, CONV], ids=["mixed", "conv"])
def test_in_double_precision_cuda_agrees_with_the_cpu_to_its_last_digits(settings):
    experiment = Experiment(**{**settings, "precision": "float64"})
    expected = theta_after(experiment, "cpu")
    for part, vector in theta_after(experiment, DEVICE).items():
        np.testing.assert_allclose(vector, expected[part], rtol=0, atol=1e-9)


@pytest.mark.parametrize("settings", [MIXED, CONV], ids=["mixed", "conv"])
def test_the_same_seed_gives_the_same_bits_again(settings):
    experiment = Experiment(**settings)
    first, second = theta_after(experiment, DEVICE), theta_after(experiment, DEVICE)
    assert all(np.array_equal(first[part], second[part]) for part in first)


@pytest.mark.parametrize("settings", [{**MIXED, "chunk": 2}, CONV], ids=["mixed", "conv"])
def test_workers_that_share_a_gpu_give_the_bits_of_one(settings):
    experiment, found = Experiment(**settings), []
    for workers in (1, 2):
        grid = RayGrid(experiment.to_run_config(), workers, worker_cpus=0.5, worker_gpus=0.5, device=DEVICE)
        try:
            found.append(run(experiment, grid))
            assert grid.device["device"] == DEVICE
        finally:
            grid.close()
    assert all(np.array_equal(found[0][part], found[1][part]) for part in found[0])


@pytest.mark.parametrize(
    "settings", [{"tasks": "assistant"}, {"tasks": "blob-images", "filters": 8}], ids=["mlp", "conv"]
)
@pytest.mark.parametrize("name", ["maml", "fomaml", "reptile", "ditto"])
def test_a_chunk_equals_a_loop_over_clients(settings, name):
    experiment = Experiment(clients=6, unseen=0.0, chunk=6, precision="float64", algorithm=name, **settings)
    clients, theta = list(range(6)), initial(experiment)
    host = Host(Federation(experiment), DEVICE)
    together, alone = (
        host.train(theta, clients, 1, {}),
        Host(Federation(experiment), DEVICE).train(theta, clients, 1, {}, most=1),
    )
    assert not together.failures + alone.failures
    for part, vector in alone.contribution.directions.items():
        np.testing.assert_allclose(together.contribution.directions[part], vector, rtol=1e-10, atol=1e-10)
    evaluated = [host.evaluate(theta, clients, {}, most=most) for most in (None, 1)]
    losses = [np.concatenate([rows.loss for rows in answer.rows]) for answer in evaluated]
    np.testing.assert_allclose(*losses, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("settings", [MIXED, CONV], ids=["mixed", "conv"])
def test_memory_returns_between_rounds(settings):
    experiment = Experiment(**settings)
    host, theta, held = Host(Federation(experiment), DEVICE), initial(experiment), []
    for server_round in range(1, 6):
        assert not host.train(theta, host.roster.cohort(server_round), server_round, {}).failures
        assert not host.evaluate(theta, host.roster.evaluated(), {}).failures
        held.append(torch.cuda.memory_allocated())
    # the first round makes the workspaces that stay
    assert len(set(held[1:])) == 1


def test_a_chunk_that_does_not_fit_on_the_gpu_is_halved():
    experiment = Experiment(tasks="avatar", clients=16, unseen=0.0, width=1024, chunk=16)
    theta, clients = initial(experiment), list(range(16))
    expected = Host(Federation(experiment), DEVICE).train(theta, clients, 1, {}, most=1)
    torch.cuda.empty_cache()
    free = torch.cuda.memory_allocated() + 200 * 2**20
    torch.cuda.set_per_process_memory_fraction(free / torch.cuda.get_device_properties(0).total_memory)
    try:
        tried = Host(Federation(experiment), DEVICE).train(theta, clients, 1, {})
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert not tried.failures
    (halved,) = tried.halved
    assert (halved.tried, halved.fitted < 16) == (16, True)
    for part, vector in expected.contribution.directions.items():
        np.testing.assert_allclose(tried.contribution.directions[part], vector, rtol=1e-3, atol=1e-4)


def test_a_host_on_a_gpu_computes_deterministically_and_without_tf32():
    assert Host(Federation(Experiment(**MIXED)), DEVICE).device.type == "cuda"
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize("engine", [("local",), ("ray", "--workers", 2)], ids=["local", "ray"])
def test_auto_is_the_gpu_and_the_manifest_names_it(engine, tmp_path):
    words = ["--clients", 6, "--rounds", 1, "--width", 8, "--device", "auto", "--engine", *engine]
    about = manifest(run_command(tmp_path / "run", *words))
    assert about["device"] == {"device": "cuda", "name": torch.cuda.get_device_name()}
