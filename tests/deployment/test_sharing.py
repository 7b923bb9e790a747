"""Rows of single clients leave a node only where its config says so; otherwise sums do, and they are the rows' sums."""

import json
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Context, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from client.guarding import guarded
from client.host import Host
from client.sharing import NotShared, answered, shares_rows
from metafed.aggregators import Aggregator
from metafed.aggregators.updates import ClientVectors
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.guard.inspect import sample
from metafed.messages.packing import Answer, Failure, Rows, pack
from metafed.messages.reading import unpack
from metafed.messages.typed import BadAnswer
from metafed.messages.withheld import FEWEST, from_values, to_values, withheld
from metafed.objectives import NOTHING, Mean, Objective
from metafed.sampling import Sampler
from server.hosts import Hosting, Hosts
from server.nodes import GuardStops, about_nodes, found, keepers, needing_rows, seconds
from server.nodes import guarded as ask
from server.record.withheld import interval, training_notes
from simulation import HOME as ROOT
from simulation.deployment.closing import finished_rounds, manifest
from simulation.deployment.control import COMPLETED, Control
from simulation.deployment.runs import Watch, run_config
from simulation.engines.local import LocalGrid
from tests.metafed.data.table.own import PLAIN, describe, rows
from tests.simulation.command.running import clients as rows_of
from tests.simulation.command.running import run

EXPERIMENT = Experiment(
    clients=12,
    unseen=0.5,
    cohort=6,
    rounds=1,
    eval_every=1,
    tasks="personalization,assistant",
    chunk=4,
    kernels="torch",
)


def context(**node):
    return Context(1, 2, node, RecordDict(), {})


def table(clients, scores, losses=None):
    scores = np.array(scores, np.float64)
    return Rows(
        client=np.array(clients), steps=np.arange(scores.shape[1]), loss=scores * 2 if losses is None else losses,
        score=scores, oracle_score=np.full(len(clients), np.nan), sizes=np.ones((len(clients), 3), np.int64),
        group=["all"] * len(clients),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("node", "shared"),
    [
        ({}, False),  # nobody says anything
        ({"partition-id": 0, "num-partitions": 2}, False),
        ({"partition-id": 0, "num-partitions": 2, "share-client-rows": True}, True),
        ({"partition-id": 0, "num-partitions": 2, "share-client-rows": "true"}, True),
        ({"partition-id": 0, "num-partitions": 2, "share-client-rows": False}, False),
        ({"share-client-rows": False}, False),
        ({"share-client-rows": "yes"}, False),
    ],
)
def test_a_deployed_node_shares_only_if_it_says_so(node, shared):
    assert shares_rows(context(**node)) is shared


def test_sums_are_of_a_family_and_of_seen_or_unseen_clients():
    roster = Federation(EXPERIMENT).roster
    own = [client for client in range(12) if roster.family(client) == "personalization"]
    seen, unseen = ([c for c in own if (c < roster.seen) == which] for which in (True, False))
    scores = [[0.1, 0.5], [0.4, 0.2], [0.0, 0.75]]
    said = withheld([table(seen[:3], scores), table(unseen[:1], [[0.3, 0.9]])], 2, roster.family, roster.seen)
    assert said.failed == 2
    by_kind = {sums.seen: sums for sums in said.sums}
    assert by_kind[True].score == pytest.approx((0.5, 1.45))
    assert by_kind[True].loss == pytest.approx((1.0, 2.9))
    assert by_kind[True].gain == pytest.approx((0.95, 0.4**2 + 0.2**2 + 0.75**2))
    assert by_kind[True].harmed == 1
    assert (by_kind[True].clients, by_kind[True].lost) == (3, 0)
    # a sum over one client is its row
    assert FEWEST == 2
    assert (by_kind[False].clients, by_kind[False].score, by_kind[False].loss) == (1, (), ())


def test_a_client_that_is_not_finite_spoils_no_sum():
    roster = Federation(EXPERIMENT).roster
    own = [client for client in range(6) if roster.family(client) == "personalization"][:3]
    said = withheld([table(own, [[0.1, 0.5], [0.4, np.nan], [0.0, 0.7]])], 0, roster.family, roster.seen)
    assert [(sums.clients, sums.lost, sums.score[1]) for sums in said.sums] == [(2, 1, pytest.approx(1.2))]


def test_an_answer_without_rows_holds_nothing_of_single_clients():
    roster, layout = Federation(EXPERIMENT).roster, Federation(EXPERIMENT).layout
    own = [client for client in range(6) if roster.family(client) == "personalization"]
    failures = [Failure(own[-1], "its secret file /home/ann/x is empty")]
    rows = replace(table(own[:2], [[0.25, 0.5], [0.125, 0.75]]), name=["ann", "joanna"])
    whole = Answer(NOTHING, [rows], failures)
    kept = answered(whole, roster, context(**{"share-client-rows": False}))
    arrays, values = pack(kept)
    assert arrays == {}
    assert "ann" not in json.dumps(values)
    assert values["failed"] == values["reasons"] == []
    read = unpack(arrays, json.loads(json.dumps(values)), layout, own)
    assert read.withheld == kept.withheld
    assert read.rows == read.failures == []
    shared = answered(whole, roster, context(**{"share-client-rows": True}))
    assert shared is whole
    assert "joanna" in json.dumps(pack(shared)[1])


def test_votes_of_single_clients_are_refused():
    roster = Federation(EXPERIMENT).roster
    answer = Answer(NOTHING, [], [], (), [ClientVectors([0], {})])
    with pytest.raises(NotShared, match="their updates"):
        answered(answer, roster, context(**{"share-client-rows": False}))


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=100, max_size=110))
def test_the_interval_of_sums_is_that_of_the_numbers(numbers):
    values = np.array(numbers)
    made = interval(float(values.sum()), float((values**2).sum()), len(values))
    assert made["value"] == pytest.approx(values.mean(), abs=1e-9)
    half = (made["high"] - made["low"]) / 2
    expected = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    assert half == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"withheld/failed": 50},
        {"withheld/failed": -1},
        {"withheld0/clients": 40},
        {"withheld0/score": [0.1]},
        {"withheld0/score": [0.1, float("nan")]},
        {"withheld0/harmed": 3},
        {"withheld0/gain": [0.1]},
        {"withheld0/loss": "many"},
        {"withheld0/clients": None},
    ],
)
def test_sums_that_cannot_be_are_refused(change):
    roster, layout = Federation(EXPERIMENT).roster, Federation(EXPERIMENT).layout
    own = [client for client in range(6) if roster.family(client) == "personalization"][:2]
    said = withheld([table(own, [[0.1, 0.5], [0.4, 0.2]])], 0, roster.family, roster.seen)
    arrays, values = pack(Answer(NOTHING, [], [], withheld=said))
    assert from_values(to_values(said), own) == said
    with pytest.raises(BadAnswer):
        unpack(arrays, {**values, **change}, layout, own)


def test_a_rounds_means_are_over_rows_and_sums_together():
    roster = Federation(EXPERIMENT).roster
    own = [client for client in range(6) if roster.family(client) == "personalization"]
    said = withheld([table(own[:2], [[0.5], [0.1]])], 0, roster.family, roster.seen)
    notes = training_notes([Answer(NOTHING, [], [], withheld=said)], [2.0], [0.9])
    assert notes["clients"] == 3
    assert notes["score"] == pytest.approx(0.5)
    assert notes["loss"] == pytest.approx((1.0 + 0.2 + 2.0) / 3)
    assert notes["worst10"] is None
    assert "gain" not in notes["withheld"]["train"]["personalization"]["seen"]
    assert training_notes([Answer(NOTHING, [], [])], [2.0], [0.9]) == {}


def test_settings_that_need_single_clients_are_named():
    assert needing_rows(EXPERIMENT) == []
    needy = EXPERIMENT.model_copy(update={"objective": Experiment(objective={"name": "minimax"}).objective})
    assert needing_rows(needy) == ["--objective minimax"]
    groups = Experiment(objective={"name": "minimax", "over": "groups"}).objective
    assert needing_rows(EXPERIMENT.model_copy(update={"objective": groups})) == []
    lies = [json.dumps({"fault": [{"kind": kind, "clients": [1]}]}) for kind in ("scale", "alie")]
    reported = [needing_rows(EXPERIMENT.model_copy(update={"faults": lie})) for lie in lies]
    assert reported == [[], ["--faults of kind 'alie'"]]


class Nameless(Objective):
    """Somebody's own objective: it has no name."""

    separability = "updates"

    def share(self, said, ask):
        return Mean().share(said, ask)


class Largest(Sampler):
    """Somebody's own sampler, without a name as well."""

    uses = "losses"

    def cohort(self, scene, rng):
        return list(range(scene.size))


class First(Aggregator):
    """Somebody's own aggregator, without a name as well."""

    def combine(self, updates, before=None):
        return updates[0]


def test_classes_from_outside_are_named_as_they_were_chosen():
    chosen = {"objective": Nameless, "sampling": Largest, "aggregator": First}
    names = {what: f"{kind.__module__}:{kind.__qualname__}" for what, kind in chosen.items()}
    experiment = Experiment.model_validate(names)
    assert {what: type(getattr(experiment, what)) for what in chosen} == chosen
    assert Experiment.from_run_config(experiment.to_run_config()) == experiment
    assert needing_rows(experiment) == [f"--sampling {names['sampling']}", f"--aggregator {names['aggregator']}"]


def said(number, share, guard=()):
    return Hosting(partition_id=number, num_partitions=3, share_client_rows=share, guard=list(guard))


def test_what_nodes_say_is_in_the_manifest():
    hosts = Hosts(
        (7, 8, 9),
        (said(0, share=True, guard=["a"]), said(1, share=False, guard=["a", "b"]), said(2, share=True)),
    )
    assert keepers(hosts) == [1]
    assert found(hosts) == [(0, "a"), (1, "b")]
    about = about_nodes(hosts)
    assert about["guard"] == ["node 0: a", "node 1: b"]
    assert len(about["rows_withheld"]) == 1


@pytest.mark.parametrize("value", ["", "0", "-1", "inf", "nan", "soon"])
def test_a_timeout_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="round-timeout"):
        seconds(value)


@pytest.mark.slow
def test_nodes_that_keep_their_rows_end_with_the_same_theta_and_say_the_rows_sums(discreet, tmp_path):
    record = tmp_path / "record"
    with Control(discreet.address, discreet.operator) as control:
        run_id = control.submit(ROOT, run_config(EXPERIMENT, record))
        status = Watch(control, run_id, record, tmp_path / "log", lambda line: None).until_end(lambda: None)
        assert status.sub_status == COMPLETED, (tmp_path / "log").read_text()
    assert not (record / "clients.parquet").exists()
    assert len(manifest(record)["rows_withheld"]) == 2
    words = "--clients 12 --unseen 0.5 --cohort 6 --rounds 1 --eval-every 1 --tasks personalization,assistant --chunk 4"
    local = run(tmp_path / "local", *words.split(), "--kernels", "torch", "--engine", "local")
    from safetensors.numpy import load_file

    name = "checkpoints/round-00000001.safetensors"
    ours, theirs = load_file(local / name), load_file(record / name)
    for part, vector in ours.items():
        np.testing.assert_allclose(theirs[part], vector, rtol=0, atol=1e-5)
    whole = rows_of(local)
    assert [line["failed"] for line in finished_rounds(record)] == [[], []], (tmp_path / "log").read_text()
    last = finished_rounds(record)[-1]
    for phase, steps in (("train", None), ("evaluate", 0)):
        for family, kinds in last["withheld"]["train" if phase == "train" else "evaluation"].items():
            for who, said in kinds.items():
                own = whole.filter(
                    (whole["phase"] == phase) & (whole["round"] == 1) & (whole["family"] == family)
                    & (whole["seen"] == (who == "seen"))
                )  # fmt: skip
                after = own.filter(own["step"] == own["step"].max())
                assert said["clients"] + said["unspoken"] + said["not_finite"] == len(after)
                if not said["unspoken"] and said["clients"]:
                    assert said["after"] == pytest.approx(after["score"].mean(), abs=1e-4)
                    assert said["loss"] == pytest.approx(after["loss"].mean(), abs=1e-4)
                if steps is not None and not said["unspoken"] and said["clients"]:
                    before = own.filter(own["step"] == 0)
                    assert said["before"] == pytest.approx(before["score"].mean(), abs=1e-4)
    kept = list((discreet.folder / "kept").rglob("*.npz"))
    assert {int(path.stem) for path in kept} <= set(range(12))
    assert len(kept) >= 6


LEAKING = PLAIN.replace('"genre"]', '"genre", "copy"]')


@pytest.mark.parametrize("shared", [True, False])
def test_an_error_that_a_nodes_guard_finds_stops_the_run(tmp_path, shared):
    path = describe(tmp_path, LEAKING, [{**row, "copy": 2 * row["stars"]} for row in rows(60)])
    experiment = Experiment(tasks=f"people:{path}", clients=60, unseen=0.25)
    host = Host(Federation(experiment))
    left, right = (guarded(host, (number, 2), shared) for number in (0, 1))
    for found_there in (left, right):
        (fatal,) = found_there["guard-fatal"]
        assert ("copy" in fatal) is shared
        assert ("'target'" in fatal) is not shared
    grid = LocalGrid(experiment.to_run_config(), "cpu")
    with pytest.raises(GuardStops, match="can be read off copy"):
        ask(grid, Federation(experiment), 60.0)


def test_sound_data_pass_the_guard_of_every_node(tmp_path):
    path = describe(tmp_path, table=rows(12))
    host = Host(Federation(Experiment(tasks=f"people:{path}", clients=12, unseen=0.25)))
    for number in range(3):
        assert guarded(host, (number, 3), True)["guard-fatal"] == []
    looked = guarded(host, (2, 3), True)["guard"]
    assert all("clients of node 2" in text for text in looked)


def test_a_node_looks_at_its_own_clients_alone():
    population = Federation(Experiment(tasks="personalization,avatar", clients=50)).population
    for task in (0, 1):
        everybody = sample(population, task)
        parts = [sample(population, task, (number, 4)) for number in range(4)]
        assert sorted(client for part in parts for client in part) == sorted(everybody)
        assert all(client % 4 == number for number, part in enumerate(parts) for client in part)
