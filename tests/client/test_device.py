"""Devices by name: what is here, what is not, and what the record says."""

import pytest
import ray
import torch

from client.device import NoDevice, name, prepare, processor, resolve
from simulation.cli.config import Config
from simulation.engines.local import LocalGrid
from simulation.engines.ray import RayGrid, among, count
from tests.simulation.command.running import manifest, run


def test_auto_is_the_gpu_where_there_is_one():
    assert resolve("auto") == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve("cpu") == torch.device("cpu")


@pytest.mark.parametrize("asked", ["cuda:999", "gpu", "cuda:", "cuda:x", "CPU", ""])
def test_a_device_that_is_not_here_is_refused_by_name(asked):
    with pytest.raises(NoDevice, match=rf"--device '?{asked}"):
        resolve(asked)


@pytest.mark.parametrize("asked", ["auto", "cpu", "cuda", "cuda:0", "cuda:17"])
def test_what_the_command_line_takes(asked):
    assert Config(device=asked).device == asked


def test_the_cpu_needs_no_preparation():
    before = torch.are_deterministic_algorithms_enabled()
    assert prepare(torch.device("cpu")) == torch.device("cpu")
    assert torch.are_deterministic_algorithms_enabled() == before


def test_the_cpu_has_a_name():
    assert name(torch.device("cpu")) == processor() != ""


def test_a_grid_refuses_a_device_that_is_not_here(small):
    with pytest.raises(NoDevice, match="--device cuda:999"):
        LocalGrid(small.to_run_config(), "cuda:999")


@pytest.mark.ray
@pytest.mark.slow
def test_a_worker_says_what_it_trains_on(small):
    grid = RayGrid(small.to_run_config(), workers=1, worker_cpus=0.5, device="auto")
    try:
        said = ray.get(grid._crew.idle[0].device.remote())
        assert grid.device == said
        assert said["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    finally:
        grid.close()


def test_on_a_cluster_the_clusters_gpus_count():
    assert [among(total, "auto") for total in ({"CPU": 4.0}, {"CPU": 4.0, "GPU": 2.0})] == ["cpu", "cuda"]
    assert among({"CPU": 4.0, "GPU": 2.0}, "cuda") == "cuda"
    assert among({"CPU": 4.0}, "cpu") == "cpu"
    with pytest.raises(ValueError, match="--device cuda: the cluster has no GPU"):
        among({"CPU": 4.0}, "cuda")


@pytest.mark.parametrize(
    ("workers", "cpus", "gpus", "expected"),
    [(None, 1.0, 0.0, 8), (None, 0.5, 0.0, 16), (None, 1.0, 0.25, 8), (None, 0.5, 0.5, 4), (3, 1.0, 0.5, 3)],
)
def test_workers_share_what_there_is(workers, cpus, gpus, expected):
    assert count(workers, cpus, gpus, {"CPU": 8.0, "GPU": 2.0}) == expected


def test_more_workers_than_gpus_can_carry_are_refused():
    with pytest.raises(ValueError, match=r"--workers 5 .* --worker-gpus 0\.5 do not fit 8 CPUs and 2 GPUs; at most 4"):
        count(5, 1.0, 0.5, {"CPU": 8.0, "GPU": 2.0})


def test_the_manifest_names_the_device_and_the_sizes_of_chunks(tmp_path):
    about = manifest(run(tmp_path / "run", "--clients", 8, "--rounds", 1, "--width", 8, "--engine", "local"))
    assert about["device"] == {"device": "cpu", "name": processor()}
    assert set(about["chunks"]) == {"personalization", "assistant", "avatar"}
    assert all(set(sizes) == {"training", "evaluation"} for sizes in about["chunks"].values())
    assert about["experiment"]["chunk"] == "auto"
