"""Omniglot: seen and unseen clients share no character, drawings are kept apart, a damaged file is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metafed.core.episodes import Shots
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.omniglot.drawers import COPIES, copies
from metafed.data.sets.omniglot.reader import DRAWINGS, SIDE, flatten
from metafed.data.source import Origin
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.models import Conv4, Mlp, SmallConv
from tests.metafed.data.damage import altered, truncated

TASKS = {"5w1s": (5, 1), "5w5s": (5, 5), "20w1s": (20, 1), "20w5s": (20, 5), "60w1s": (60, 1)}
real_counts = pytest.mark.parametrize("some_data", [pytest.param("real", marks=pytest.mark.data)], indirect=True)
every_task = pytest.mark.parametrize("name", TASKS)


def source(name, *folders, unseen_from=None, seed=0):
    return FAMILIES["omniglot"].sources[name](Origin(seed, tuple(map(Path, folders)), unseen_from))


@pytest.fixture(scope="module")
def sheets(some_data):
    with np.load(some_data / "omniglot" / "omniglot28.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def known(sheets):
    """Every image of the file with each of its turns, as bytes → character, turn and drawing."""
    found = {}
    for turn in range(4):
        for image, character, drawing in zip(
            flatten(np.rot90(sheets["images"], turn, axes=(1, 2))),
            sheets["character"].tolist(),
            sheets["drawer_in_alphabet"].tolist(),
            strict=True,
        ):
            found.setdefault(image.tobytes(), set()).add((character, turn, drawing))
    return found


def slots(own, known):
    """Return the one (character, turn) of each slot."""
    found = []
    for label in np.unique(own.y):
        # images that several drawings share are rare: the whole slot tells
        candidates = [{(c, turn) for c, turn, _ in known[x.tobytes()]} for x in own.x[own.y == label]]
        (one,) = set.intersection(*candidates)
        found.append(one)
    return found


class TestTasks:
    @every_task
    def test_a_task_has_n_characters_of_twenty_drawings(self, name, some_data, known):
        ways, _ = TASKS[name]
        own = source(name, some_data).examples(7)
        assert own.x.shape == (ways * DRAWINGS, SIDE * SIDE)
        assert own.x.dtype == np.float32
        assert (own.x.min(), own.x.max()) == (0.0, 1.0)
        assert np.bincount(own.y).tolist() == [DRAWINGS] * ways
        assert len({character for character, _ in slots(own, known)}) == ways

    def test_seen_and_unseen_clients_share_no_character(self, some_data, known, sheets):
        made = source("5w1s", some_data, unseen_from=60)
        seen, unseen = (
            {c for client in clients for c, _ in slots(made.examples(client), known)}
            for clients in (range(60), range(60, 120))
        )
        split = dict(zip(sheets["character"].tolist(), sheets["split"].tolist(), strict=True))
        assert {split[c] for c in seen} == {0}
        assert {split[c] for c in unseen} == {1}
        assert min(len(seen), len(unseen)) > 30
        assert {made.examples(59).group, made.examples(60).group} == {"background set", "evaluation set"}

    def test_turned_characters_are_characters_of_their_own(self, some_data, known):
        made = source("20w1s", some_data)
        turns = [turn for client in range(10) for _, turn in slots(made.examples(client), known)]
        assert np.bincount(turns, minlength=4).min() > 30

    @every_task
    def test_an_episode_has_k_shots_and_as_many_query_rows_as_drawings_allow(self, name, some_data):
        ways, k = TASKS[name]
        query, evaluation = {1: (15, 15), 5: (5, 13)}[k]
        assert source(name, some_data).shots == Shots(k, query, evaluation, per_class=True)
        experiment = Experiment(clients=10**6, tasks=f"omniglot:{name}", data_dir=str(some_data))
        population, first = Federation(experiment).population, Federation(experiment).roster.seen
        training, new = population.training([3, 5], 1).episode, population.evaluation([first, first + 9]).episode
        old = population.evaluation([3, 5]).episode
        for episode, rows in ((training, query), (new, evaluation), (old, {1: 3, 5: 5}[k])):
            assert episode.support.x.shape == (2, ways * k, SIDE * SIDE)
            assert episode.query.x.shape == (2, ways * rows, SIDE * SIDE)
            for batch, each in ((episode.support, k), (episode.query, rows)):
                assert all(torch.bincount(y).tolist() == [each] * ways for y in batch.y)
                assert batch.mask.all()

    def test_a_background_drawing_is_for_training_or_for_evaluation_in_every_task(self, some_data, known, sheets):
        made, use = source("20w1s", some_data), {}
        for client in range(120):
            own = made.examples(client)
            for x, evaluation in zip(own.x, own.evaluation, strict=True):
                if len(known[x.tobytes()]) == 1:
                    ((character, _, drawing),) = known[x.tobytes()]
                    use.setdefault((character, drawing), set()).add(bool(evaluation))
        assert {len(found) for found in use.values()} == {1}
        assert sum(len(own) > 0 for own in use.values()) > 0.3 * len(sheets["images"])

    def test_slots_are_dealt_anew_in_training(self, some_data):
        experiment = Experiment(tasks="omniglot:5w1s", data_dir=str(some_data))
        population = Federation(experiment).population
        own = population.training([0], 1).examples[0].y.tolist()
        assert any(population.training([0], number).examples[0].y.tolist() != own for number in (2, 3, 4))

    def test_same_seed_same_tasks_and_another_seed_other_tasks(self, some_data):
        one, same, other = (source("5w1s", some_data, seed=seed).examples(4) for seed in (0, 0, 1))
        assert (one.x == same.x).all()
        assert (one.x != other.x).any()


class TestUnseenNumbers:
    @pytest.mark.parametrize("clients", range(7, 17))
    def test_a_source_knows_which_of_its_numbers_are_unseen(self, clients, some_data):
        experiment = Experiment(
            clients=clients, unseen=0.4, tasks="sinusoid,omniglot:5w1s,avatar", data_dir=str(some_data)
        )
        roster = Federation(experiment).roster
        boundary = roster.members(roster.seen)
        assert [made.origin.unseen_from for made in Federation(experiment).sources[1:2]] == boundary[1:2]
        for client in range(clients):
            place = roster.place(client)
            assert (place.number >= boundary[place.task]) == (client >= roster.seen)


class TestDrawers:
    def test_a_drawers_rows_are_its_own_drawings(self, some_data, sheets, known):
        made = source("drawers", some_data, unseen_from=20)
        for client in (0, 19, 20, 30):
            own = made.examples(client)
            originals = [known[x.tobytes()] for x in own.x[::COPIES]]
            drawers = set.intersection(*({drawing for _, _, drawing in each} for each in originals))
            assert len(drawers) == 1
            alphabets = {sheets["alphabet_names"][sheets["alphabet"][20 * min(each)[0]]] for each in originals}
            assert alphabets == {own.group}
            assert np.bincount(own.y).tolist() == [2 * COPIES] * 5
            assert np.bincount(own.y[own.evaluation]).tolist() == [COPIES] * 5

    def test_training_and_evaluation_are_on_different_characters(self, some_data, known):
        own = source("drawers", some_data).examples(3)
        first, second = (
            {c for x in own.x[own.evaluation == part][::COPIES] for c, _, _ in known[x.tobytes()]}
            for part in (False, True)
        )
        assert not first & second

    @real_counts
    def test_seen_drawers_are_of_background_alphabets(self, some_data, sheets):
        made = source("drawers", some_data, unseen_from=600)
        assert made.clients == 1000
        held_out = set(sheets["alphabet_names"][np.unique(sheets["alphabet"][sheets["split"] == 1])].tolist())
        groups = [made.examples(client).group for client in range(0, 1000, 7)]
        assert [group in held_out for group in groups] == [client >= 600 for client in range(0, 1000, 7)]

    @real_counts
    def test_more_seen_drawers_than_there_are_is_an_error(self, some_data):
        experiment = Experiment(clients=800, unseen=0.1, tasks="omniglot:drawers", data_dir=str(some_data))
        with pytest.raises(DataError, match=r"720 seen clients, but .* 600 drawers"):
            preflight(Federation(experiment))
        fits = Experiment(clients=800, unseen=0.3, tasks="omniglot:drawers", data_dir=str(some_data))
        preflight(Federation(fits))

    def test_the_notes_say_what_it_cannot_tell(self, some_data):
        text = " ".join(source("drawers", some_data).notes)
        assert "distorted copies" in text
        assert "several alphabets" in text

    def test_copies_are_the_drawing_itself_and_distortions_near_it(self, sheets):
        image = sheets["images"][0]
        made = copies(image, 8, stream(0, "copies"))
        assert (made[0] == image).all()
        assert made.shape == (8, SIDE, SIDE)
        assert all((copy != image).any() for copy in made[1:])
        ink = made.sum((1, 2)) / image.sum()
        assert ((ink > 0.6) & (ink < 1.6)).all()


class TestNetworks:
    def test_the_familys_own_network_and_others(self, some_data):
        def network(**settings):
            experiment = Experiment(
                tasks="omniglot:20w1s,sinusoid", data_dir=str(some_data), kernels="torch", **settings
            )
            return Federation(experiment).tasks["omniglot"].model

        assert network(norm="group", filters=8) == Conv4("omniglot", 20, (1, SIDE, SIDE), 8, "group", "relu")
        assert network(network="mlp") == Mlp("omniglot", 20, SIDE * SIDE, 64, 1, "relu")
        alone = Experiment(tasks="omniglot:5w1s", network="small-conv", norm="none", width=32, kernels="torch")
        assert Federation(alone).tasks["omniglot"].model == SmallConv(
            "omniglot", 5, (1, SIDE, SIDE), 64, 32, "none", "relu"
        )

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"network": "conv4"}, "family 'personalization' has none"),
            ({"norm": "group"}, "--norm group does nothing: the network of this run is mlp"),
            ({"filters": 8}, "--filters 8 does nothing"),
            ({"tasks": "omniglot:5w1s", "width": 8}, "--width 8 does nothing: the network of this run is conv4"),
        ],
    )
    def test_a_setting_without_effect_is_an_error(self, settings, message):
        with pytest.raises(ValueError, match=message):
            Experiment(**settings)


class TestFile:
    def test_a_missing_file_is_missed_before_a_run(self, tmp_path):
        experiment = Experiment(tasks="omniglot:5w1s", data_dir=str(tmp_path))
        assert Federation(experiment).sources[0].features == SIDE * SIDE  # known without reading
        with pytest.raises(DataError, match=r"omniglot28\.npz is missing; searched: .*--data-dir"):
            preflight(Federation(experiment))

    def test_a_truncated_file_is_named(self, some_data, tmp_path):
        file = tmp_path / "omniglot28.npz"
        truncated(some_data / "omniglot" / file.name, file)
        with pytest.raises(DataError, match=f"{file} is damaged"):
            source("5w1s", tmp_path).examples(0)

    def test_a_file_with_fewer_characters_than_a_task_is_refused(self, sheets, tmp_path):
        few = {
            name: array[: 20 * 100] if len(array) == len(sheets["images"]) else array for name, array in sheets.items()
        }
        split = np.repeat(np.arange(100) >= 60, 20).astype(np.uint8)
        np.savez(tmp_path / "omniglot28.npz", **few | {"split": split})
        assert source("20w1s", tmp_path).clients is None
        with pytest.raises(DataError, match="a task has 60 characters, but one of the two sets has 40"):
            _ = source("60w1s", tmp_path).clients

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"images": None}, "no array 'images'"),
            ({"images": lambda a: a[:-1]}, "are not 20 for each character"),
            ({"images": lambda a: a[:, :20]}, r"shape \(20, 28\)"),
            ({"images": lambda a: a.astype(np.uint16)}, "uint16"),
            ({"character": lambda a: a[::-1]}, "not ordered by character"),
            ({"character": lambda a: a[:40]}, "character has 40 rows"),
            ({"split": lambda a: np.zeros_like(a)}, "split is not 0"),
            ({"split": lambda a: np.arange(len(a)) % 2}, "several values of split"),
            ({"alphabet": lambda a: a + 200}, r"not one of 0 … \d"),
            ({"alphabet_names": lambda a: np.array([str(n) for n in a], dtype=object)}, "damaged|alphabet_names"),
        ],
    )
    def test_damage_is_named(self, change, message, sheets, tmp_path):
        file = tmp_path / "omniglot28.npz"
        # the first characters of both sets: small, and whole
        first = np.concatenate([np.flatnonzero(sheets["split"] == s)[:40] for s in (0, 1)])
        whole = {name: array[first] if len(array) == len(sheets["images"]) else array for name, array in sheets.items()}
        whole["character"] = np.repeat(np.arange(4, dtype=np.uint16), 20)
        np.savez(tmp_path / "whole.npz", **whole)
        altered(tmp_path / "whole.npz", file, **{n: c and c(whole[n]) for n, c in change.items()})
        with pytest.raises(DataError, match=message) as caught:
            source("5w1s", tmp_path).examples(0)
        assert str(file) in str(caught.value)
