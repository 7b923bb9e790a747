"""A chunk that does not fit in memory is halved: no client is lost, no round, and the record says so."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from client.host import Host
from client.isolation import Isolation, out_of_memory
from metafed.algorithms import Maml
from metafed.core.parameters import Layout
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.messages.packing import Answer, Halved, pack
from metafed.messages.reading import unpack
from metafed.messages.typed import BadAnswer
from metafed.objectives import NOTHING
from simulation.engines.local import LocalGrid
from simulation.engines.ray import RayGrid
from tests.integration.greedy import Greedy
from tests.integration.pool import initial, run
from tests.simulation.command.running import command, rounds

LIMITED = """
import json, resource
import numpy as np
from client.host import Host
from client.memory import return_freed_memory
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

experiment = Experiment(tasks="avatar", clients=8, unseen=0.0, width=1024, chunk=8, kernels="torch")
layout = Federation(experiment).layout
theta = {p: f.numpy() for p, f in layout.flatten(Federation(experiment).theta, layout.parts).items()}
host, everyone = Host(Federation(experiment)), list(range(8))
alone = Host(Federation(experiment)).train(theta, everyone, 1, {}, most=1)
return_freed_memory()
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + 150 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
tried = host.train(theta, everyone, 1, {})
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
pairs = [(tried.contribution.directions[p], v) for p, v in alone.contribution.directions.items()]
print(json.dumps({
    "halved": [h._asdict() for h in tried.halved],
    "failures": [list(f) for f in tried.failures],
    "away": max(float(np.abs(left - right).max() / np.abs(right).max()) for left, right in pairs),
}))
"""


@pytest.mark.slow
def test_within_a_real_limit_of_memory_the_chunk_is_halved_until_it_fits():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["failures"] == []
    (halved,) = said["halved"]
    assert halved["tried"] == 8
    assert halved["fitted"] in (4, 2, 1)
    assert said["away"] < 1e-5  # float32: products of other shapes round otherwise


@pytest.fixture
def greedy(small):
    """Eight clients of one family in chunks of eight, of which three fit."""
    own = {"tasks": "avatar", "clients": 8, "unseen": 0.0, "chunk": 8, "algorithm": Greedy(), "rounds": 2}
    return small.model_copy(update=own)


def test_a_client_that_does_not_fit_alone_is_a_failure_that_says_so(greedy):
    experiment = greedy.model_copy(update={"algorithm": Greedy(fits=0)})
    answer = Host(Federation(experiment)).train(initial(experiment), [4, 1, 2], 1, {})
    assert [client for client, _ in answer.failures] == [4, 1, 2]
    assert all(reason.startswith("does not fit in memory even alone: RuntimeError") for _, reason in answer.failures)
    assert answer.halved == [Halved("avatar", 3, 1)]
    assert answer.rows == []


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.slow)])
@pytest.mark.ray
def test_theta_is_what_it_is_with_memory_enough(greedy, engine):
    settings = greedy.to_run_config()
    grid = LocalGrid(settings) if engine == "local" else RayGrid(settings, workers=1, worker_cpus=0.5)
    finished = []
    try:
        theta = run(greedy, grid, finished.append)
    finally:
        grid.close()
    expected = run(greedy.model_copy(update={"algorithm": Maml()}))
    for part, vector in expected.items():
        np.testing.assert_allclose(theta[part], vector, rtol=0, atol=1e-12)
    assert [len(r.failures) for r in finished] == [0, 0, 0]
    assert {tuple(halved) for r in finished[1:] for halved in r.halved} >= {("avatar", 8, 2)}
    assert finished[0].halved == [Halved("avatar", 8, 2)]


@pytest.mark.ray
@pytest.mark.slow
def test_a_worker_that_the_system_kills_is_followed_by_one_that_takes_half_as_many(greedy):
    greedy = greedy.model_copy(update={"algorithm": Greedy(killed=True), "rounds": 1})
    grid, finished = RayGrid(greedy.to_run_config(), workers=2, worker_cpus=0.5), []
    try:
        theta = run(greedy, grid, finished.append)
    finally:
        grid.close()
    expected = run(greedy.model_copy(update={"algorithm": Maml()}))
    for part, vector in expected.items():
        np.testing.assert_allclose(theta[part], vector, rtol=0, atol=1e-12)
    assert [len(r.failures) for r in finished] == [0, 0]
    assert finished[1].halved == [Halved("avatar", 8, 2), *finished[0].halved]


def test_the_record_has_a_line_and_the_console_says_it_once(tmp_path):
    words = ["--tasks", "avatar", "--clients", 8, "--unseen", 0, "--chunk", 8, "--width", 8, "--rounds", 3]
    how = ["--algorithm", "tests.integration.greedy:Greedy", "--engine", "local", "--out", tmp_path / "run"]
    done = command(*words, *how)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("do not fit in memory") == 1
    assert "avatar: 8 clients at a time do not fit in memory, 2 are tried; --chunk 2" in done.stdout
    for line in rounds(tmp_path / "run"):
        assert line["halved"] == [{"family": "avatar", "from": 8, "to": 2}]
        assert line["failed"] == []


def work_of(fits, calls, broken=()):
    def work(chunk):
        calls.append(list(chunk))
        if set(chunk) & set(broken):
            raise OSError("disk on fire")
        np.empty(2**62 if len(chunk) > fits else 1, np.uint8)
        return Answer(NOTHING, [], [])

    return work


def test_halving_keeps_the_order_and_what_fitted_is_remembered():
    isolation, calls = Isolation(), []
    answers = list(isolation("train avatar", "avatar", list(range(7)), work_of(2, calls)))
    assert calls == [list(range(7)), [0, 1, 2, 3], [0, 1], [2, 3], [4, 5], [6]]
    assert answers[-1].halved == [Halved("avatar", 7, 2)]
    calls.clear()
    list(isolation("train avatar", "avatar", [9, 8, 7], work_of(2, calls)))
    assert calls == [[9, 8], [7]]
    calls.clear()
    list(isolation("evaluate avatar", "avatar", [9, 8, 7], work_of(9, calls)))
    assert calls == [[9, 8, 7]]


def test_another_fault_costs_one_client_and_halves_nothing():
    calls = []
    answers = list(Isolation()("train avatar", "avatar", [0, 1, 2, 3], work_of(9, calls, broken=[2])))
    assert calls == [[0, 1, 2, 3], [0], [1], [2], [3]]
    failures = [failure for answer in answers for failure in answer.failures]
    assert failures == [(2, "OSError: disk on fire")]
    assert not any(answer.halved for answer in answers)


def test_at_most_so_many_at_a_time_where_the_asker_knows():
    calls = []
    list(Isolation()("train avatar", "avatar", [0, 1, 2, 3, 4], work_of(9, calls), most=2))
    assert calls == [[0, 1], [2, 3], [4]]


def test_what_counts_as_want_of_memory():
    for wanted in (lambda: torch.empty(2**60), lambda: np.empty(2**62, np.uint8), lambda: bytearray(2**62)):
        with pytest.raises((RuntimeError, MemoryError)) as raised:
            wanted()
        assert out_of_memory(raised.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not out_of_memory(OSError(12, "Cannot allocate memory"))


def test_halved_chunks_travel_as_plain_values_and_nonsense_is_refused():
    layout = Layout({"trunk.weight": (2,)})
    arrays, values = pack(Answer(NOTHING, [], [], [Halved("avatar", 8, 4)]))
    asked = list(range(8))
    assert unpack(arrays, values, layout, asked).halved == [Halved("avatar", 8, 4)]
    for tried, fitted in ((8, 8), (8, 0), (9, 4)):
        with pytest.raises(BadAnswer, match="cannot have had"):
            unpack(arrays, {**values, "tried": [tried], "fitted": [fitted]}, layout, asked)
    with pytest.raises(BadAnswer, match="different lengths"):
        unpack(arrays, {**values, "tried": []}, layout, asked)


def test_greedy_is_an_algorithm_like_any_other():
    assert Experiment(algorithm="tests.integration.greedy:Greedy").algorithm == Greedy()
