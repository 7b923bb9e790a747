"""Nodes that hold the rows of their own people only: the same numbers as one host with everybody's rows."""

from bisect import bisect_left

import numpy as np
import pytest
from flwr.app import Context, RecordDict

import client.answering as client_app
from client.guarding import guarded
from client.host import Host
from metafed.core.errors import DataError
from metafed.data.table import source as own
from metafed.data.table.numbering import Numbering
from metafed.experiment.choices import moved, names
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation, hand_on
from metafed.federation.preflight import check_size
from server.nodes import GuardStops, about_nodes
from server.nodes import guarded as ask
from simulation.engines.grid import PoolGrid, failed, named
from simulation.engines.local import LocalGrid
from simulation.engines.states import PoolStates
from tests.integration.pool import run
from tests.metafed.data.table.own import PLAIN, STATED, alike, deal, describe, rows, source, write_csv

NODES = 3
MINUTES = STATED.replace('"stars"', '"minutes"').replace("classes = [1, 2, 3, 4, 5]", "scale = [20, 20]")
MINUTES = MINUTES.replace("minutes = [20, 20]", "stars = [3, 1.5]")
TARGETS = MINUTES.replace('target = "minutes"', 'target = ["minutes", "stars"]')
TARGETS = TARGETS.replace("scale = [20, 20]", "scale = [[20, 20], [3, 1.5]]").replace("stars = [3, 1.5]\n", "")


class Nodes(PoolGrid):
    """SuperNodes in this process, each with a folder of its own people's rows."""

    def __init__(self, experiment, folders):
        super().__init__()
        self.contexts = {
            100 + number: Context(1, 100 + number, {
                "partition-id": number, "num-partitions": len(folders), "own-data": str(folder),
                "share-client-rows": True,
            }, RecordDict(), experiment.to_run_config())
            for number, folder in enumerate(folders)
        }  # fmt: skip
        self.kept = PoolStates()

    def get_node_ids(self):
        return list(self.contexts)

    def answer(self, messages, timeout):
        replies = []
        for message in messages:
            context = self.contexts[message.metadata.dst_node_id]
            context.state = self.kept.of(named(message))
            try:
                replies.append(client_app.app(message, context))
                self.kept.update(context.state)
            except Exception as error:
                replies.append(failed(message, f"{type(error).__name__}: {error}"))
        return replies

    def close(self):
        pass


def hosted(experiment, family="people"):
    """Return the numbers within the family of the clients that each node hosts."""
    roster = Federation(experiment).roster
    places = [[roster.place(client) for client in range(p, experiment.clients, NODES)] for p in range(NODES)]
    task = names(experiment.tasks).index(family)
    return [tuple(place.number for place in each if place.task == task) for each in places]


def federation_of_node(experiment, folder, number, nodes=NODES):
    """Return the federation of one node, as ``client.app`` makes it."""
    there = experiment.model_copy(update={"tasks": moved(experiment.tasks, str(folder))})
    return Federation(there, (number, nodes))


def node(experiment, folder, number, nodes=NODES):
    """Return its population."""
    return federation_of_node(experiment, folder, number, nodes).population


def table_of(rounds):
    """Return what rounds say of each client: losses, scores, sizes and group, in the order of clients."""
    found = {}
    for finished in rounds:
        for phase in ("training", "evaluation"):
            for part in getattr(finished, phase) or ():
                for place, client in enumerate(part.client.tolist()):
                    numbers = [*part.loss[place], *part.score[place], *part.sizes[place]]
                    found[finished.number, phase, client] = (part.group[place], np.array(numbers))
    return found


@pytest.mark.parametrize(
    ("text", "more"),
    [(STATED, {}), (MINUTES, {}), (TARGETS, {}), (STATED, {"others": ",sinusoid", "clients": 18, "mix": "people=2"})],
)
def test_three_nodes_train_as_one_host_with_everybody(tmp_path, monkeypatch, text, more):
    (tmp_path / "server").mkdir()
    task = f"people:{describe(tmp_path / 'server', text)}{more.pop('others', '')}"
    settings = {"tasks": task, "clients": 12, "cohort": 6, "rounds": 2, "eval_every": 1, **more}
    experiment = Experiment(precision="float64", unseen=0.25, **settings)
    numbers, table = hosted(experiment), rows(12)
    names = [f"p{person:03d}" for person in np.random.default_rng(5).permutation(12)]
    held = [[names.pop() for _ in each] for each in numbers]
    assert not names
    folders = deal(tmp_path, text, table, held)
    person_of = {}
    for number, folder in enumerate(folders):
        source_there = node(experiment, folder, number).sources[0]
        person_of |= {client: source_there.called(client) for client in numbers[number]}
        assert {person_of[client] for client in numbers[number]} == set(held[number])
    order = np.array([int(person_of[client][1:]) for client in range(12)])
    theirs, ours = [], []
    nodes = Nodes(experiment, folders)
    about = about_nodes(ask(nodes, Federation(experiment), 60.0))
    assert about["own_people"] == [0, 1, 2]
    parted = run(experiment, nodes, theirs.append)
    # everybody's rows in one file: there the numbers are drawn otherwise, so they are set
    (tmp_path / "whole").mkdir()
    whole = moved(experiment.tasks, str(describe(tmp_path / "whole", text, table).parent))
    monkeypatch.setattr(
        own, "numbering", lambda origin, _: Numbering(range(12), order, bisect_left(range(12), origin.unseen_from))
    )
    experiment = experiment.model_copy(update={"tasks": whole})
    together = run(experiment, LocalGrid(experiment.to_run_config()), ours.append)
    assert parted.keys() == together.keys()
    for part, vector in together.items():
        np.testing.assert_allclose(parted[part], vector, rtol=0, atol=1e-9)
    left, right = table_of(theirs), table_of(ours)
    assert left.keys() == right.keys()
    assert {client for _, phase, client in left if phase == "evaluation"} == set(range(experiment.clients))
    for key, (group, values) in right.items():
        assert left[key][0] == group
        np.testing.assert_allclose(left[key][1], values, rtol=0, atol=1e-9)


@pytest.fixture
def federation(tmp_path):
    """An experiment of 12 people, and a folder for each node with four of them."""
    (tmp_path / "server").mkdir()
    experiment = Experiment(tasks=f"people:{describe(tmp_path / 'server', STATED)}", clients=12, unseen=0.25)
    held = [[f"p{person:03d}" for person in range(number, 12, NODES)] for number in range(NODES)]
    return experiment, deal(tmp_path, STATED, rows(12), held)


def test_the_order_of_a_nodes_people_is_random_and_the_seeds(federation):
    experiment, folders = federation
    orders = []
    for seed in (0, 0, 1):
        made = node(experiment.model_copy(update={"seed": seed}), folders[1], 1).sources[0]
        orders.append([made.called(client) for client in (1, 4, 7, 10)])
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == ["p001", "p004", "p007", "p010"]


def test_too_few_people_are_an_error_that_says_what_to_change(federation):
    experiment, folders = federation
    more = experiment.model_copy(update={"clients": 15})
    with pytest.raises(DataError) as error:
        check_size(federation_of_node(more, folders[2], 2))
    assert str(error.value) == (
        f"{folders[2]}/people.csv has 4 people with rows enough, but node 2 of 3 hosts 5 of the 15 clients, those of"
        " people: choose at most --clients 14, another --mix, or put more people into the file"
    )
    check_size(federation_of_node(experiment.model_copy(update={"clients": 14}), folders[2], 2))


def test_people_too_many_are_said(federation):
    experiment, folders = federation
    few = node(experiment.model_copy(update={"clients": 7}), folders[1], 1)
    check_size(federation_of_node(experiment.model_copy(update={"clients": 7}), folders[1], 1))
    assert "the people of node 1 of 3 only: 2 of 4, as the seed draws them, are its clients" in few.sources[0].notes
    all_of_them = node(experiment, folders[1], 1).sources[0]
    assert "the people of node 1 of 3 only: all are its clients" in all_of_them.notes


def test_a_client_of_another_node_is_nobody_here(federation):
    experiment, folders = federation
    with pytest.raises(DataError, match=r"node-0/people\.csv: nobody in it is the family's client number 1"):
        node(experiment, folders[0], 0).split(1)
    found = Nodes(experiment, folders)
    with pytest.raises(ValueError, match=r"share 0 of 3, which does not hold the clients \[1\]"):
        client_app._named(_asking([0, 1]), found.contexts[100])


def _asking(clients):
    from flwr.app import ConfigRecord, Message, MessageType

    return Message(RecordDict({"ask": ConfigRecord({"clients": clients})}), 100, MessageType.QUERY)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (PLAIN, r"features\] age = .*minutes = .*genre = .*classes = \[…\] of stars"),
        (STATED.replace("classes = [1, 2, 3, 4, 5]", ""), r"all nodes: classes = \[…\] of stars\. `python"),
        (STATED.replace("classes = [1, 2, 3, 4, 5]", 'kind = "regression"'), r"scale = \[mean, unit\] of stars"),
        (STATED.replace("[40, 15]", '"number"'), r"\[features\] age = \[mean, unit\]\. `python"),
        (STATED.replace('["music", "puzzle", "travel"]', '"category"'), r'genre = \[its values\] or "hashed"\. `py'),
        (STATED.replace("age =", '"a*" ='), r"the columns that 'a\*' means, each by its name"),
        (PLAIN.replace('client = "person"', "") + '[partition]\nkind = "iid"\nclients = 12\n', "the partition iid"),
    ],
)
def test_what_would_be_fitted_is_refused(tmp_path, text, missing):
    describe(tmp_path, text, rows(12))
    experiment = Experiment(tasks=f"people:{tmp_path / 'people.toml'}", clients=12)
    with pytest.raises(DataError, match=missing):
        _ = Federation(experiment, (0, 1)).population
    with pytest.raises(DataError, match=missing):
        Host(Federation(experiment, (0, 1)), "cpu")
    check_size(Federation(experiment))


@pytest.mark.parametrize("openly", [True, False])
def test_the_server_is_told_that_a_node_cannot_use_its_data(federation, openly):
    experiment, folders = federation
    describe(folders[1], PLAIN)
    (folders[2] / "people.toml").unlink()
    nodes = Nodes(experiment, folders)
    for context in nodes.contexts.values():
        context.node_config["share-client-rows"] = openly
    with pytest.raises(GuardStops) as error:
        ask(nodes, Federation(experiment), 60.0)
    reported = str(error.value)
    assert ("classes = […] of stars" in reported) is openly
    assert (f"{folders[2]}/people.toml: no such file" in reported) is openly
    assert ("a data set cannot be used" in reported) is not openly


def test_a_description_that_differs_between_nodes_stops_the_run(federation):
    experiment, folders = federation
    for folder in folders:
        # where the rows are may differ
        (folder / "people.csv").rename(folder / "other.csv")
        describe(folder, STATED.replace("people.csv", "other.csv"))
    ask(Nodes(experiment, folders), Federation(experiment), 60.0)
    describe(folders[1], STATED.replace("people.csv", "other.csv").replace("[40, 15]", "[41, 15]"))
    hand_on(Federation(experiment))
    with pytest.raises(GuardStops, match=r"node 1: its description of people differs from the server's in features;"):
        ask(Nodes(experiment, folders), Federation(experiment), 60.0)


def test_a_class_that_is_trained_on_elsewhere_is_no_error_here(federation):
    experiment, folders = federation
    alone = Experiment(tasks=f"people:{folders[0] / 'people.toml'}", clients=4, unseen=0.25)

    def only_the_unseen_one_has_a_5(unseen):
        table = [row for row in rows(12) if int(row["person"][1:]) % NODES == 0]
        write_csv(folders[0] / "people.csv", [{**r, "stars": 5 if r["person"] == unseen else 1} for r in table])

    only_the_unseen_one_has_a_5(node(experiment, folders[0], 0).sources[0].called(9))
    check_size(federation_of_node(experiment, folders[0], 0))
    only_the_unseen_one_has_a_5(Federation(alone).population.sources[0].called(3))
    with pytest.raises(DataError, match="no row with the label '5' is trained on"):
        check_size(Federation(alone))


def test_the_guard_looks_at_the_nodes_own_people(federation):
    experiment, folders = federation
    twin = [row for row in rows(12) if row["person"] == "p001"]
    for number in (1, 2):
        kept = [row for row in rows(12) if int(row["person"][1:]) % NODES == number and row["person"] != "p004"]
        write_csv(folders[number] / "people.csv", [*kept, *({**row, "person": "p004"} for row in twin * (number == 1))])
    few = experiment.model_copy(update={"clients": 9})
    found = {}
    for number in (0, 1):
        there = few.model_copy(update={"tasks": moved(few.tasks, str(folders[number]))})
        found[number] = guarded(Host(Federation(there, (number, NODES)), "cpu"), (number, NODES), openly=True)
    assert found[0]["guard-fatal"] == []
    (fatal,) = found[1]["guard-fatal"]
    assert "3 clients of node 1: client 7 ('p001'), who is unseen, has the same rows as client 4 ('p004')" in fatal


def kept_by(federation, folder):
    """Return a population whose rows are kept in a folder."""
    federation.population.keep(folder, federation.origins)
    return federation.population


def test_kept_clients_are_the_nodes_own(federation, tmp_path):
    experiment, folders = federation
    kept = tmp_path / "kept"
    table = f"people:{describe(folders[0], STATED, rows(12))}"
    alone = experiment.model_copy(update={"tasks": table})
    nodes = [None, (0, 1), (0, 3), (1, 3)]
    made = [kept_by(Federation(alone, node), kept) for node in nodes]
    read = [population.split(client).own for population, client in zip(made, (0, 0, 0, 1), strict=True)]
    assert len([folder for folder in kept.iterdir() if folder.name != "files"]) == 4
    again = kept_by(Federation(alone, (0, 3)), kept)
    assert alike(again.split(0).own, read[2])
    assert [each.sources[0].share for each in made] == [None, (0, 1, tuple(range(12))), (0, 3, (0, 3, 6, 9)),
        (1, 3, (1, 4, 7, 10))]  # fmt: skip


def test_a_data_set_of_ours_is_as_it_was():
    experiment = Experiment(tasks="avatar,sinusoid", clients=8)
    one, other = Federation(experiment).population, Federation(experiment, (1, 2)).population
    for client in (1, 3):
        assert alike(one.split(client).own, other.split(client).own)
    assert [made.share for made in other.sources] == [None, None]


def test_descriptions_are_looked_for_in_the_nodes_folder():
    assert moved("a:/x/a.toml, avatar , /y/b.toml,assistant:clinc150", "/n") == (
        "a:/n/a.toml,avatar,b:/n/b.toml,assistant:clinc150"
    )
    with pytest.raises(DataError, match=r"two descriptions are called 'a\.toml'"):
        moved("a:/x/a.toml,b:/y/a.toml", "/n")


def test_large_tables_of_a_node_are_read_in_parts(federation, monkeypatch, tmp_path):
    experiment, folders = federation
    inside = [node(experiment, folders[0], 0).split(client).own for client in (0, 3, 6, 9)]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("metafed.data.table.tables.LARGE_CSV", 0)
    own.load.cache_clear()
    outside = [node(experiment, folders[0], 0).split(client).own for client in (0, 3, 6, 9)]
    assert list((tmp_path / "cache" / "metafed").glob("people-*.parquet"))
    assert all(alike(left, right) for left, right in zip(inside, outside, strict=True))
    own.load.cache_clear()


def test_what_is_written_as_text_is_read_as_text(tmp_path):
    table = [{**row, "genre": f"00{len(row['genre']) % 3}"} for row in rows()]
    made = source(describe(tmp_path, STATED.replace('["music", "puzzle", "travel"]', '["000", "002"]'), table))
    mine = [row["genre"] for row in table if row["person"] == made.called(0)]
    place = {"000": 0, "002": 1}
    assert made.examples(0).x[:, 2:].argmax(1).tolist() == [place.get(genre, 2) for genre in mine]
    assert set(mine) >= {"000", "002"}


def test_a_number_that_a_node_has_of_nobody_is_the_mean(tmp_path):
    table = [{**row, "minutes": ""} for row in rows()]
    made = source(describe(tmp_path, STATED.replace("[features]", 'missing = "mean"\n[features]'), table))
    assert made.clients == 12
    assert (made.examples(0).x[:, 1] == 0).all()
    spoilt = [{**row, "minutes": "much"} for row in rows()]
    with pytest.raises(DataError, match=r"people\.csv is damaged: could not parse `much`"):
        _ = source(describe(tmp_path, STATED.replace("[features]", 'missing = "mean"\n[features]'), spoilt)).clients
