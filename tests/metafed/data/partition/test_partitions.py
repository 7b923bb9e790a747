"""Every partition has its laws, and the distribution of its paper's algorithm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metafed as mf
from metafed.core.episodes import MINIMUM
from metafed.core.streams import stream
from metafed.data.partition import PARTITIONS
from tests.metafed.data.partition import papers

LABELS = st.lists(st.integers(0, 4), min_size=120, max_size=300).map(np.array)
KINDS = sorted(PARTITIONS)
DRAWS = 60
SKEWED = stream(0, "tests/labels").choice(4, 600, p=[0.4, 0.3, 0.2, 0.1])


def made(kind, clients, alpha=1.0, **more):
    own = PARTITIONS[kind]
    return own(clients=clients, **({"alpha": alpha} if "alpha" in own.model_fields else {}), **more)


def dealt(how, labels, seed=0):
    return how.deal(labels, stream(seed, "tests/deal"))


def table(client, labels, clients, classes):
    """Return the rows of each class of each client."""
    return np.bincount(client * classes + labels, minlength=clients * classes).reshape(clients, classes)


@settings(deadline=None, max_examples=60)
@given(
    LABELS, st.sampled_from(sorted({*KINDS} - {"classes-per-client"})), st.integers(1, 8), st.floats(0.3, 100),
    st.integers(0, 99),
)  # fmt: skip
def test_each_row_has_one_client_and_everybody_has_enough(labels, kind, clients, alpha, seed):
    # classes per client need labels that fit: see below
    how = made(kind, clients, alpha, **({"smallest": 4} if kind == "dirichlet" else {}))
    client = dealt(how, labels, seed)
    sizes = np.bincount(client, minlength=clients)
    assert client.shape == labels.shape
    assert len(sizes) == clients
    assert sizes.min() >= MINIMUM
    if kind in ("iid", "equal-dirichlet"):
        assert np.ptp(sizes) <= 1
    if kind == "shards":
        assert np.ptp(sizes) <= 2
    assert np.array_equal(client, dealt(how, labels, seed))


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 9), st.integers(1, 9), st.integers(1, 12), st.integers(0, 99))
def test_every_client_has_exactly_so_many_classes(classes, each, clients, seed):
    labels = stream(seed, "tests/order").permutation(np.repeat(np.arange(classes), 60))
    how = mf.ClassesPerClient(clients=clients, classes=each)
    if each > classes or clients * each < classes:
        with pytest.raises(ValueError, match="choose"):
            dealt(how, labels)
        return
    counts = table(dealt(how, labels, seed), labels, clients, classes)
    assert ((counts > 0).sum(1) == each).all()
    assert np.ptp((counts > 0).sum(0)) <= 1
    for own in counts.T:
        assert np.ptp(own[own > 0]) <= 1


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(2, 12), st.integers(0, 99))
def test_a_client_of_some_shards_has_no_more_classes_than_shards_that_hold_one(each, clients, seed):
    # as many shards as a class needs, whole
    labels = stream(seed, "tests/order").permutation(np.repeat(np.arange(clients), 20 * each))
    counts = table(dealt(mf.Shards(clients=clients, shards=each), labels, seed), labels, clients, clients)
    assert ((counts > 0).sum(1) <= each).all()
    assert (counts % 20 == 0).all()
    assert (counts.sum(1) == 20 * each).all()


def test_shards_of_numbers_are_stretches_of_them():
    numbers = stream(0, "tests/real").standard_normal(403)
    client = dealt(mf.Shards(clients=20, shards=1), numbers)
    ranks = np.argsort(np.argsort(numbers))
    assert all(np.ptp(ranks[client == number]) == (client == number).sum() - 1 for number in range(20))


PAPERS = {
    "iid": ({}, lambda labels, rng: papers.iid(labels, 6, rng)),
    "shards": ({}, lambda labels, rng: papers.shards(labels, 6, 2, rng)),
    "dirichlet": ({"alpha": 0.5}, lambda labels, rng: papers.yurochkin(labels, 6, 0.5, 10, rng)),
    "equal-dirichlet": ({"alpha": 2.0}, lambda labels, rng: papers.hsu(labels, 6, 2.0, rng)),
    "quantity": ({"alpha": 0.5}, lambda labels, rng: papers.quantity(labels, 6, 0.5, MINIMUM, rng)),
}


def statistics(counts):
    """Return what is compared of one draw: ordered sizes, the spread of labels, and how many classes a client has."""
    sizes = counts.sum(1)
    shares = counts / sizes[:, None]
    return [*np.sort(sizes), *shares.std(0), *np.sort(shares.max(1)), (counts > 0).sum(1).mean()]


@pytest.mark.parametrize("kind", PAPERS)
def test_draws_have_the_distribution_of_the_papers_algorithm(kind):
    settings_of, theirs = PAPERS[kind]
    how = made(kind, 6, **settings_of)
    ours, papers_own = [], []
    for seed in range(DRAWS):
        ours.append(statistics(table(dealt(how, SKEWED, seed), SKEWED, 6, 4)))
        parts = theirs(SKEWED.tolist(), stream(seed, "tests/papers"))
        papers_own.append(statistics(np.array([np.bincount(SKEWED[part], minlength=4) for part in parts])))
    one, other = np.array(ours), np.array(papers_own)
    error = np.sqrt((one.var(0) + other.var(0)) / DRAWS)
    # rounding: rows that equal shards leave over, and a half row of each size
    slack = np.array([1.0] * 6 + [0.01] * 10 + [0.01])
    assert (np.abs(one.mean(0) - other.mean(0)) <= 4.5 * error + slack).all()
    # standard deviations of 60 draws vary by a tenth; those of sums of squares by more
    assert (np.abs(one.std(0) - other.std(0)) <= 0.5 * np.maximum(one.std(0), other.std(0)) + slack).all()


def test_classes_have_as_many_clients_as_in_pfllib_and_a_clients_are_drawn_as_in_flwr_datasets():
    theirs = np.array([np.bincount(SKEWED[part], minlength=4) for part in papers.pathological(SKEWED.tolist(), 6, 2)])
    pairs = []
    for seed in range(120):
        counts = table(dealt(mf.ClassesPerClient(clients=6, classes=2), SKEWED, seed), SKEWED, 6, 4)
        # PFLlib takes the first clients that are free, we any: the rows of a class are cut alike
        assert np.array_equal(np.sort(counts, 0), np.sort(theirs, 0))
        pairs.append(tuple(np.flatnonzero(counts[seed % 6])))
    # class_assignment_mode="random": a client's classes are any, equally likely; 20 of each pair, give or take 4.1
    _, often = np.unique(pairs, axis=0, return_counts=True)
    assert len(often) == 6
    assert np.abs(often - 20).max() < 16


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_the_first_clients_shares_have_the_moments_of_hsu_et_al(alpha):
    labels = stream(0, "tests/labels").choice(3, 6000, p=[0.5, 0.3, 0.2])
    prior = np.bincount(labels) / len(labels)
    how = mf.EqualDirichlet(clients=20, alpha=alpha)
    first = np.stack([table(dealt(how, labels, seed), labels, 20, 3)[0] / 300 for seed in range(100)])
    # q ~ Dir(alpha p): mean p, variance p (1 − p) / (alpha + 1); no class has run out yet
    error = np.sqrt(prior * (1 - prior) / (alpha + 1) / 100)
    assert (np.abs(first.mean(0) - prior) < 4 * error).all()
    np.testing.assert_allclose(first.var(0), prior * (1 - prior) / (alpha + 1), rtol=0.5)


@pytest.mark.parametrize(
    ("how", "labels", "problem"),
    [
        *(
            (
                made(kind, 8),
                np.arange(30) % 3,
                "30 rows are too few for 8 clients of 4 rows at least: at most 7 clients",
            )
            for kind in KINDS
        ),
        (mf.Dirichlet(clients=8, alpha=1), np.arange(60) % 3, "8 clients of smallest = 10 rows: at most 6 clients"),
        (mf.Dirichlet(clients=8, alpha=1e-300), np.arange(99) % 3, "fewer clients than 8, a larger alpha than 1e-300"),
        (mf.Shards(clients=10, shards=7), np.arange(60) % 3, "60 rows are too few for 70 shards"),
        (mf.ClassesPerClient(clients=9, classes=4), np.arange(99) % 3, "classes = 4 for each client, but there are 3"),
        (mf.ClassesPerClient(clients=2, classes=1), np.arange(99) % 3, "choose 3 clients at least, or more classes"),
        (
            mf.ClassesPerClient(clients=9, classes=2),
            np.repeat([0, 1, 2], [90, 90, 2]),
            r"a class has 2 rows for 6 clients: .* rare = 6",
        ),
        (
            mf.ClassesPerClient(clients=6, classes=1),
            np.repeat([0, 1], [90, 6]),
            r"client \d would have 2 rows, of 4 that it needs: choose fewer clients than 6",
        ),
    ],
)
def test_what_cannot_be_made_is_said_with_the_way_out(how, labels, problem):
    with pytest.raises(ValueError, match=problem):
        dealt(how, labels)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: mf.Dirichlet(clients=20), "^Dirichlet needs alpha=…$"),
        (lambda: mf.Dirichlet(clients=20, alpha=0), r"Dirichlet\(alpha=0\): input should be greater than 0"),
        (lambda: mf.Dirichlet(clients=20, alpah=1.0, alpha=1), "no setting 'alpah'; did you mean 'alpha'"),
        (lambda: mf.Iid(clients=0), r"Iid\(clients=0\): input should be greater than or equal to 1"),
        (lambda: mf.Shards(clients=9, seed=-1), r"Shards\(seed=-1\)"),
    ],
)
def test_a_wrong_keyword_is_one_message(make, problem):
    with pytest.raises(mf.SettingError, match=problem):
        make()
