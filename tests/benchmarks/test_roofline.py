"""Operations are counted alike by PyTorch and by hand, and a chunk's time is shared out without rest."""

import json
import os
import re

import pytest
import torch

from benchmarks import counting, roofline
from benchmarks.peak import peaks, products
from benchmarks.shares import DRAWING, KINDS, REST, drawn, kind_of, shares
from metafed.algorithms import Maml
from metafed.core.episodes import Batch, Episode
from metafed.models import Conv4, SmallConv, initialize, layout
from metafed.native.choice import resolve
from metafed.tasks.task import task_of
from tests.metafed.models.problems import network
from tests.simulation.command.running import command


def update(problem, steps):
    task, theta, episode = problem
    return lambda: Maml(inner_steps=steps).update(task, theta, {}, episode, 1)


def images(clients, rows=(3, 4), filters=4):
    """Return a task, θ and an episode of conv4 on images of 16 × 20."""
    model = Conv4("toy", 3, image=(2, 16, 20), filters=filters, norm="batch", activation="relu")
    draw = torch.Generator().manual_seed(0)

    def batch(count):
        x = torch.randn(clients, count, 2 * 16 * 20, generator=draw, dtype=torch.float64)
        y = torch.randint(3, (clients, count), generator=draw)
        return Batch(x, y, torch.ones(clients, count, dtype=torch.float64))

    theta = initialize(layout({"toy": model}), 0, torch.float64)
    return task_of(model, "classification"), theta, Episode(batch(rows[0]), batch(rows[1]))


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_count_by_hand_is_exact_for_an_mlp(depth, steps, activation):
    problem = network(depth=depth, activation=activation)
    task, _, episode = problem
    assert counting.counted(update(problem, steps)) == counting.by_hand(task.model, counting.padded(episode), steps)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_count_by_hand_is_exact_for_conv4(steps):
    problem = images(clients=2)
    task, _, episode = problem
    assert counting.counted(update(problem, steps)) == counting.by_hand(task.model, counting.padded(episode), steps)


def test_clients_of_one_chunk_cost_what_they_cost_alone():
    # the client axis lies in the groups of a convolution, which PyTorch's own rule counts twice
    alone, together = (counting.counted(update(images(clients), 2)) for clients in (1, 3))
    assert together == 3 * alone


def test_the_layers_of_the_two_networks():
    task, _, _ = network(depth=2)
    assert counting.layers(task.model) == [2 * 5 * 8, 2 * 8 * 8, 2 * 8 * 8, 2 * 8 * 3]
    task, _, _ = images(1)
    four = [2 * 9 * 2 * 4 * 16 * 20, 2 * 9 * 4 * 4 * 8 * 10, 2 * 9 * 4 * 4 * 4 * 5, 2 * 9 * 4 * 4 * 2 * 2]
    assert counting.layers(task.model) == [*four, 2 * 4 * 3]


def test_a_network_without_a_count_by_hand_is_refused():
    model = SmallConv("toy", 3, (1, 16, 16), filters=4, width=8, norm="none", activation="relu")
    with pytest.raises(ValueError, match="SmallConv"):
        counting.layers(model)


def test_padding_is_no_work():
    task, _, episode = network(rows=(6, 8))
    mask = episode.query.mask.clone()
    mask[0, 4:] = 0
    shorter = episode._replace(query=episode.query._replace(mask=mask))
    assert counting.padded(shorter) == counting.padded(episode) == (18, 24)
    assert counting.real(shorter) == (18, 20)
    full, less = (counting.by_hand(task.model, counting.real(each), 1) for each in (episode, shorter))
    assert full - less == 4 * (2 * 2 * 5 * 8 + 3 * (2 * 8 * 8 + 2 * 8 * 3))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("aten::bmm", "matrix products"),
        ("aten::baddbmm", "matrix products"),
        ("aten::addmm", "matrix products"),
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::_convolution_double_backward", "convolution"),
        ("aten::native_batch_norm_backward", "normalisation and pooling"),
        ("aten::max_pool2d_with_indices", "normalisation and pooling"),
        ("aten::mul", "elementwise"),
        ("aten::sum", "elementwise"),
        ("aten::copy_", "elementwise"),
        ("aten::threshold_backward", "elementwise"),
        ("aten::tanh", "elementwise"),
        ("aten::select_backward", REST),
        ("aten::empty_strided", REST),
        ("aten::transpose", REST),
        ("aten::t", REST),
        ("autograd::engine::evaluate_function: BmmBackward0", REST),
        ("drawing", "drawing"),
        ("our kernels", "our kernels"),
    ],
)
def test_the_kind_of_an_operation(name, kind):
    assert kind_of(name) == kind


def test_shares_add_up_and_fall_where_the_work_is():
    a = torch.randn(500, 500)
    many = torch.randn(2_000_000)
    found = shares(lambda: [a @ a for _ in range(20)])
    assert sum(found.values()) == pytest.approx(1)
    assert set(found) == set(KINDS)
    assert found["matrix products"] > 0.5
    assert shares(lambda: [many.tanh() for _ in range(10)])["elementwise"] > 0.5
    # what is computed while drawing is drawing
    found = shares(lambda: drawn(lambda x: [x @ x for _ in range(20)])(a))
    assert found[DRAWING] > 0.5
    assert found["matrix products"] == 0


def test_the_peak_is_of_a_right_product():
    a, b = torch.randn(30, 40), torch.randn(40, 50)
    for product in products().values():
        torch.testing.assert_close(product(a, b), a @ b)
    threads = torch.get_num_threads()
    found = peaks(1, sizes=(64, 128), tries=2)
    assert found.keys() == products().keys()
    assert all(1e6 < speed < 1e15 for speed in found.values())
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_the_command_prints_what_its_file_holds(tmp_path):
    file = tmp_path / "figures.json"
    words = ["--workloads", "mlp", "default", "--clients", "6", "--chunk", "3", "--repeats", "2", "--sizes", "128"]
    done = command(*words, "--json", file, module="benchmarks.roofline", timeout=600)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())["figures"]
    peak = max(figures["peaks"]["one thread"].values())
    assert set(figures["workloads"]) == {"mlp", "default"}
    for name, own in figures["workloads"].items():
        assert own["counted"] == own["by_hand"] >= own["real"] >= own["sample"] > 0
        assert own["chunks"] == ([3] if name == "mlp" else [2, 2, 2])
        assert sum(own["shares"].values()) == pytest.approx(1)
        assert own["shares"]["drawing"] > 0
        assert (own["shares"]["our kernels"] > 0) == (resolve("auto") == "native")
        middle = sum(own["seconds"]) / 2
        assert own["fraction"] == pytest.approx(own["sample"] / middle / peak)
        line = f"^fraction {own['fraction']:.3f}  {name}, of one thread's peak$"
        assert re.search(line, done.stdout, re.MULTILINE)
    # 24 episodes of 25 rows in five steps, and 75 rows more (see counting.by_hand)
    assert figures["workloads"]["mlp"]["counted"] == 24 * 17_248_000
    assert re.search(rf"^peak {peak / 1e9:.1f} GFLOP/s  one thread \(BLAS \d", done.stdout, re.MULTILINE)
    assert re.search(r"^peak .* all \d+ threads", done.stdout, re.MULTILINE)


def test_kernels_that_cannot_be_had_are_refused(tmp_path):
    environment = {**os.environ, "CXX": str(tmp_path / "no-such-compiler")}
    words = ["--kernels", "native", "--json", tmp_path / "x.json"]
    done = command(*words, module="benchmarks.roofline", env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("metafed: --kernels native: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--clients", "0"], "--clients 0: must be at least 1"),
        (["--chunk", "0"], "--chunk 0: must be at least 1"),
        (["--sizes", "1"], "--sizes 1: must be at least 2"),
        (["--workloads"], "--workloads and --sizes need at least one value each"),
    ],
)
def test_a_number_that_cannot_be_is_refused(words, said, capsys):
    assert roofline.main(words) == 2
    assert said in capsys.readouterr().err
