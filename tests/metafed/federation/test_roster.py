"""Who is in the federation: families dealt evenly, unseen clients held out, everything by arithmetic."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

FAMILIES = ("personalization", "assistant", "avatar", "sinusoid")


@st.composite
def rosters(draw):
    tasks = draw(st.integers(1, 4))
    return Federation(
        Experiment(
            clients=draw(st.integers(2, 200)),
            tasks=",".join(FAMILIES[:tasks]),
            unseen=draw(st.floats(0, 0.9)),
            chunk=draw(st.integers(1, 20)),
            eval_clients=draw(st.integers(1, 50)),
            seed=draw(st.integers(0, 5)),
        )
    ).roster


@given(rosters(), st.integers(1, 50))
@settings(deadline=None)
def test_a_cohort_has_seen_clients_once_each_and_depends_on_nothing_but_the_round(roster, server_round):
    cohort = roster.cohort(server_round)
    assert cohort == sorted(set(cohort)) == roster.cohort(server_round)
    assert len(cohort) == roster.cohort_size
    assert max(cohort) < roster.seen


@given(rosters())
@settings(deadline=None)
def test_every_client_has_one_place_and_families_are_dealt_evenly(roster):
    everyone = range(roster.experiment.clients)
    places = [roster.place(client) for client in everyone]
    assert len(set(places)) == len(places)
    for clients in (everyone, range(roster.seen), range(roster.seen, roster.experiment.clients)):
        sizes = Counter(roster.place(client).task for client in clients)
        counts = [sizes[task] for task in range(len(roster.families))]
        assert max(counts) - min(counts) <= 2


@given(rosters())
@settings(deadline=None)
def test_chunks_have_one_family_each_and_every_client_once(roster):
    clients = list(range(roster.experiment.clients))
    chunks = Federation(roster.experiment).chunks(clients)
    assert sorted(client for _, chunk in chunks for client in chunk) == clients
    for family, chunk in chunks:
        assert 1 <= len(chunk) <= roster.experiment.chunk
        assert {roster.family(client) for client in chunk} == {family}


@given(rosters())
@settings(deadline=None)
def test_evaluated_clients_are_of_both_kinds_and_no_more_than_asked_for(roster):
    chosen = roster.evaluated()
    assert chosen == sorted(set(chosen))
    most = roster.experiment.eval_clients
    assert sum(client < roster.seen for client in chosen) == min(roster.seen, most)
    unseen = roster.experiment.clients - roster.seen
    assert sum(client >= roster.seen for client in chosen) == min(unseen, most)


@pytest.mark.parametrize("hosts", [2, 3, 4, 6])
def test_a_host_of_every_p_th_client_has_all_families(hosts):
    roster = Federation(Experiment(clients=60)).roster
    for share in range(hosts):
        assert {roster.family(client) for client in range(share, 60, hosts)} == set(FAMILIES[:3])
