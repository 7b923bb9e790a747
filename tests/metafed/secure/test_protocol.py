"""The protocol among clients: exact sums whoever is lost when, and nothing of one client in what the server sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare

from metafed.core.streams import stream
from metafed.secure.keys import Forged, agreed, derived, expanded, opened, public, sealed
from metafed.secure.party import Keys, Party, Refused, check_threshold
from metafed.secure.ring import BITS, DoesNotFit, added, decode, encode, largest
from metafed.secure.settings import threshold_of
from metafed.secure.shamir import PRIME, joined, split
from metafed.secure.total import TooFew, unmasked


def parties(ids, seed=0, server_round=1):
    secret = stream(seed, "secrets").bytes(32)
    return {client: Party(client, derived(secret, client, server_round), server_round) for client in ids}


def protocol(vectors, lost_before_shares=(), lost_before_input=(), lost_before_unmasking=(), seed=0, threshold=None):
    """Run the four phases and return the sum, and all masked inputs that the server saw."""
    clients = parties(vectors, seed)
    everybody = {c: party.keys() for c, party in clients.items()}
    least = threshold or threshold_of(len(everybody))
    sharing = [c for c in clients if c not in lost_before_shares]
    sealed_by = {c: clients[c].shares(everybody, least) for c in sharing}
    left = [c for c in sharing if c not in lost_before_input]
    masked = {c: clients[c].masked(vectors[c], everybody, least, sharing) for c in left}
    reported = {
        c: clients[c].unmasking(everybody, least, sharing, left, {o: sealed_by[o][c] for o in sharing if o != c})
        for c in left
        if c not in lost_before_unmasking
    }
    return unmasked(list(masked.values()), everybody, least, sharing, left, reported, 1), masked


def inputs(count, size=7, seed=0):
    rng = stream(seed, "inputs")
    return {3 * c + 1: rng.integers(0, 2**64, size, dtype=np.uint64) for c in range(count)}


@pytest.mark.parametrize("phase", ["shares", "input", "unmasking", "all"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.4])
def test_the_sum_is_exact_whoever_is_lost_in_any_phase(phase, share):
    vectors = inputs(10)
    ids = list(vectors)
    lost = stream(7, "lost", round(10 * share)).permutation(ids)[: round(10 * share)].tolist()
    when = {"shares": (), "input": (), "unmasking": ()}
    if phase == "all":
        when = {name: tuple(lost[index::3]) for index, name in enumerate(when)}
    else:
        when[phase] = tuple(lost)
    # four of ten may go: six must be enough, which is still more than half
    total, masked = protocol(vectors, *when.values(), threshold=6)
    gone = {*when["shares"], *when["input"]}
    expected = added([vector for client, vector in vectors.items() if client not in gone])
    np.testing.assert_array_equal(total, expected)
    assert set(masked) == set(ids) - gone


@given(st.integers(2, 7), st.integers(0, 100), st.data())
@settings(max_examples=15, deadline=None)
def test_any_losses_leave_an_exact_sum_or_none(count, seed, data):
    vectors, phases = inputs(count, 3, seed), [[], [], []]
    for client in vectors:
        phase = data.draw(st.integers(0, 6))
        if phase < 3:
            phases[phase].append(client)
    left = [c for c in vectors if c not in (*phases[0], *phases[1])]
    try:
        total, _ = protocol(vectors, *phases, seed=seed)
    except (TooFew, Refused):
        assert len(left) - len(phases[2]) < threshold_of(count)
        return
    np.testing.assert_array_equal(total, added([vectors[c] for c in left]))


def test_what_the_server_sees_of_one_client_is_uniform():
    # all inputs are the same small number: any structure would show
    counts = np.zeros(256)
    joint = np.zeros((16, 16))
    for seed in range(60):
        vectors = {c: np.full(200, 5, np.uint64) for c in range(3)}
        _, masked = protocol(vectors, seed=seed, threshold=2)
        for vector in masked.values():
            counts += np.bincount(vector.view(np.uint8), minlength=256)
        low, other = (masked[c] % 16 for c in (0, 1))
        np.add.at(joint, (low.astype(int), other.astype(int)), 1)
    assert chisquare(counts).pvalue > 1e-4
    # two of the three together are uniform and independent as well
    assert chi2.sf(((joint - joint.mean()) ** 2 / joint.mean()).sum(), 255) > 1e-4


def test_the_transcript_of_different_inputs_with_the_same_sum_has_the_same_law():
    first = {0: np.array([1], np.uint64), 1: np.array([9], np.uint64), 2: np.array([5], np.uint64)}
    second = {0: np.array([7], np.uint64), 1: np.array([3], np.uint64), 2: np.array([5], np.uint64)}
    bins = [np.zeros(32), np.zeros(32)]
    for which, vectors in enumerate((first, second)):
        for seed in range(400):
            total, masked = protocol(vectors, seed=seed + 10_000 * which, threshold=2)
            assert total == 15
            for vector in masked.values():
                bins[which][int(vector[0]) >> 59] += 1
    both = bins[0] + bins[1]
    statistic = sum(((b - both / 2) ** 2 / (both / 2)).sum() for b in bins)
    assert chi2.sf(statistic, 31) > 1e-4


def test_a_masked_input_is_not_the_input_and_another_round_has_other_masks():
    vectors = inputs(4)
    _, masked = protocol(vectors)
    assert all(not np.array_equal(masked[c], vectors[c]) for c in vectors)
    secret = bytes(32)
    first, second = (Party(1, derived(secret, 1, number), number).keys() for number in (1, 2))
    assert first != second


def test_the_server_never_gets_both_secrets_of_a_client():
    vectors = inputs(6, 2)
    clients = parties(vectors)
    everybody = {c: party.keys() for c, party in clients.items()}
    ids, least = list(vectors), threshold_of(6)
    sealed_by = {c: clients[c].shares(everybody, least) for c in ids}
    lost = ids[0]
    for client in ids[1:]:
        for_it = {o: sealed_by[o][client] for o in ids if o != client}
        reported = clients[client].unmasking(everybody, least, ids, ids[1:], for_it)
        assert set(reported) == set(ids)  # one number a client: of its seed or of its mask key
    with pytest.raises(Refused):  # who is lost does not answer, and too few are no answer
        clients[lost].unmasking(everybody, least, ids, ids[1:], {})
    with pytest.raises(Refused):
        clients[ids[1]].unmasking(everybody, least, ids, ids[1:3], {})


def test_messages_between_clients_cannot_be_changed_or_moved():
    vectors = inputs(4, 2)
    clients, ids = parties(vectors), list(vectors)
    everybody = {c: party.keys() for c, party in clients.items()}
    sealed_by = {c: clients[c].shares(everybody, 3) for c in ids}
    for_it = {o: sealed_by[o][ids[0]] for o in ids[1:]}
    swapped = {**for_it, ids[1]: for_it[ids[2]]}
    changed = {**for_it, ids[1]: bytes([for_it[ids[1]][0] ^ 1]) + for_it[ids[1]][1:]}
    for bad in (swapped, changed, {k: v for k, v in for_it.items() if k != ids[1]}):
        with pytest.raises(Forged):
            clients[ids[0]].unmasking(everybody, 3, ids, ids, bad)
    with pytest.raises(Refused):  # the server puts a key of its own in the place of a client's
        clients[ids[0]].shares({**everybody, ids[0]: Keys(public(bytes(32)), public(bytes(32)))}, 3)


@given(st.integers(2, 10**6))
def test_more_than_two_thirds_must_be_left_unless_a_share_is_set(clients):
    assert threshold_of(clients) == 2 * clients // 3 + 1
    assert threshold_of(clients, 0.5) == clients // 2 + 1
    check_threshold(threshold_of(clients, 0.5), clients)


@pytest.mark.parametrize(("threshold", "clients"), [(1, 2), (3, 6), (5, 4), (1, 1)])
def test_a_threshold_without_protection_is_refused(threshold, clients):
    with pytest.raises(Refused):
        check_threshold(threshold, clients)


def test_shamir_against_a_published_example():
    # en.wikipedia.org/wiki/Shamir's_secret_sharing, the example over the integers modulo 1613
    drawn = iter([166, 94])
    shares = split(1234, 3, range(1, 7), lambda: next(drawn), prime=1613)
    assert shares == {1: 1494, 2: 329, 3: 965, 4: 176, 5: 1188, 6: 775}
    assert joined({2: 329, 4: 176, 5: 1188}, prime=1613) == 1234


@given(st.integers(0, PRIME - 1), st.integers(1, 6), st.integers(0, 5), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_threshold_of_shares_is_enough_and_one_less_says_nothing(secret, threshold, more, random):
    shares = split(secret, threshold, range(1, threshold + more + 1), lambda: random.randrange(PRIME))
    some = dict(random.sample(sorted(shares.items()), threshold))
    assert joined(some) == secret
    if threshold > 1:
        place = next(iter(some))
        fewer = {k: v for k, v in some.items() if k != place}
        # every secret is as possible: for each there is one value of the missing share that gives it
        other = (secret + 1) % PRIME
        weight = joined({**dict.fromkeys(fewer, 0), place: 1})
        missing = (other - joined({**fewer, place: 0})) * pow(weight, -1, PRIME) % PRIME
        assert joined({**fewer, place: missing}) == other


def test_shamir_refuses_what_cannot_be():
    for secret, threshold, places in ((PRIME, 2, (1, 2)), (1, 3, (1, 2)), (1, 1, (0, 1)), (1, 1, (1, 1)), (1, 0, (1,))):
        with pytest.raises(ValueError, match=r"secret|threshold"):
            split(secret, threshold, places, lambda: 1)


@given(st.lists(st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_sums_in_the_ring_are_exact(rows):
    table = np.array(rows)
    rounded = np.rint(table * 2.0**BITS) / 2.0**BITS
    np.testing.assert_allclose(rounded, table, atol=2.0 ** -(BITS + 1))
    exact = [sum(int(v * 2**BITS) for v in column) / 2**BITS for column in rounded.T]
    np.testing.assert_array_equal(decode(added([encode(row, len(table)) for row in table])), exact)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, -largest(5) * 1.01])
def test_what_could_wrap_around_is_refused(value):
    with pytest.raises(DoesNotFit):
        encode(np.array([0.0, value]), 5)
    assert decode(added([encode(np.array([largest(5)]), 5)] * 5)) == 5 * largest(5)


def test_generator_and_agreement_are_those_of_their_standards():
    # RFC 8439, A.1, test vector 1: key, nonce and counter of zeros
    assert expanded(bytes(32), 2).tobytes().hex() == "76b8e0ada0f13d90405d6ae55386bd28"
    # RFC 7748, 6.1: private and public keys of Alice and Bob, and the secret that they share
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    assert public(alice).hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert public(bob).hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    shared = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    assert agreed(alice, public(bob), "x") == agreed(bob, public(alice), "x") == derived(shared, "x")
    assert opened(bytes(32), sealed(bytes(32), b"text", b"to"), b"to") == b"text"
