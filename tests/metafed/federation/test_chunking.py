"""How many clients make a chunk: what fits, what is fast, what workers can share; from the experiment alone."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.episodes import Shots
from metafed.experiment.settings import Experiment
from metafed.federation.chunking import BUDGET, LARGE, SMALL, episode_bytes, outputs, suited
from metafed.federation.federation import Federation

CONV = {"tasks": "blob-images", "clients": 50}


def chosen(**settings):
    return Federation(Experiment(**settings)).chunk_sizes


def test_auto_is_the_default_and_a_number_is_respected():
    assert Experiment().chunk == "auto"
    for size in (1, 5, 1000):
        assert {tuple(sizes) for sizes in chosen(chunk=size).values()} == {(size, size)}


def test_the_sizes_of_the_default_run_and_of_conv4():
    assert {family: tuple(sizes) for family, sizes in chosen().items()} == {
        "personalization": (17, 21),
        "assistant": (17, 21),
        "avatar": (17, 21),
    }
    assert tuple(chosen(**CONV)["blob-images"]) == (3, 4)


GROWING = {
    "width": [{"tasks": "avatar", "width": width} for width in (16, 64, 1024, 4096, 16384)],
    "depth": [{"tasks": "avatar", "width": 1024, "depth": depth} for depth in (0, 1, 2, 8)],
    "steps": [{**CONV, "algorithm": {"name": "maml", "inner_steps": steps}} for steps in (0, 1, 5, 50)],
    "filters": [{**CONV, "filters": filters} for filters in (1, 8, 64, 256)],
    "precision": [{**CONV, "precision": precision} for precision in ("float32", "float64")],
    "rows": [{"tasks": f"omniglot:{source}", "clients": 50} for source in ("5w1s", "5w5s", "20w5s")],
    "network": [{**CONV, "network": network} for network in ("mlp", "conv4")],
}


@pytest.mark.parametrize("what", GROWING)
def test_what_takes_more_memory_has_no_larger_chunks(what):
    sizes = [next(iter(chosen(**settings).values())) for settings in GROWING[what]]
    for smaller, larger in itertools.pairwise(sizes):
        assert larger.training <= smaller.training
        assert larger.evaluation <= smaller.evaluation
    assert sizes[-1].training < sizes[0].training
    assert all(1 <= size <= LARGE for pair in sizes for size in pair)


@given(st.integers(1, 10_000), st.floats(0.01, 1), st.integers(1, 2**32))
def test_a_chunk_fits_the_budget_or_is_one_client(clients, share, bytes_each):
    size = suited(clients, share, bytes_each)
    assert 1 <= size <= LARGE
    assert size * bytes_each <= BUDGET or size == 1
    assert suited(clients, share, bytes_each + 1) <= size
    assert size <= SMALL or clients > SMALL * LARGE / 2


@pytest.mark.parametrize("families", [1, 2, 3, 4])
def test_two_workers_can_share_a_round_of_any_size(families):
    tasks = ",".join(("personalization", "assistant", "avatar", "sinusoid")[:families])
    for cohort in (4, 8, 20, 50, 300):
        federation = Federation(Experiment(tasks=tasks, clients=400, cohort=cohort))
        for server_round in (1, 2, 3):
            sizes = [len(chunk) for _, chunk in federation.chunks(federation.roster.cohort(server_round))]
            assert len(sizes) >= 2
            assert max(sizes) <= sum(sizes) / 2 + 1


def test_neither_the_machine_nor_the_workers_are_asked(monkeypatch):
    before = chosen()
    monkeypatch.setattr("os.cpu_count", lambda: 1024)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert chosen() == before


@st.composite
def federations(draw):
    return Federation(
        Experiment(
            clients=draw(st.integers(2, 300)),
            tasks=draw(st.sampled_from(["avatar", "avatar,assistant", "personalization,assistant,avatar"])),
            chunk=draw(st.sampled_from(["auto", 1, 3, 16])),
        )
    )


@given(federations(), st.booleans())
@settings(deadline=None, max_examples=40)
def test_chunks_are_even_and_no_larger_than_said(federation, evaluation):
    clients = list(range(federation.experiment.clients))
    chunks = federation.chunks(clients, evaluation=evaluation)
    assert sorted(client for _, chunk in chunks for client in chunk) == clients
    for family in {family for family, _ in chunks}:
        sizes = [len(chunk) for other, chunk in chunks if other == family]
        limit = federation.chunk_sizes[family].evaluation if evaluation else federation.chunk_sizes[family].training
        assert max(sizes) <= limit
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == -(-sum(sizes) // limit)


@given(federations())
@settings(deadline=None, max_examples=20)
def test_a_host_cuts_a_chunk_that_it_is_sent_no_further(federation):
    for family, chunk in federation.chunks(range(federation.experiment.clients)):
        assert federation.chunks(chunk) == [(family, chunk)]


def test_an_episodes_bytes():
    shapes = {"a.stem.weight": (3, 4), "a.stem.bias": (4,), "a.head.weight": (4, 2), "a.head.bias": (2,)}
    # 26 parameters, 6 outputs a row, 2 · 5 + 7 rows in passes of three tensors each
    assert episode_bytes(shapes, None, Shots(5, 7, 9, per_class=False), 1, 2, 8) == 8 * (5 * 26 + 3 * 17 * 6)


def test_a_convolutions_outputs():
    assert outputs("a.conv.0.weight", (64, 1, 3, 3), (1, 28, 28)) == 64 * 28 * 28
    assert outputs("a.conv.2.weight", (64, 64, 3, 3), (1, 28, 28)) == 64 * 7 * 7
    assert outputs("a.norm.0.scale", (64,), (1, 28, 28)) == 0
    assert outputs("a.hidden.weight", (1600, 64), (1, 28, 28)) == 64
