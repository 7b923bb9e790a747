import numpy as np
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.movielens100k.reader import MovieLens100K
from metafed.data.source import Origin
from tests.metafed.data.damage import altered, truncated


@pytest.fixture(scope="module")
def file(movielens_data):
    return movielens_data / MovieLens100K.file


def at(folder, seed=0):
    return MovieLens100K(Origin(seed, (folder,)))


def test_the_known_counts(file):
    made = at(file.parent)
    clients = [made.examples(client) for client in range(made.clients)]
    assert len(clients) == 943
    sizes = np.array([len(own.y) for own in clients])
    assert (sizes.sum(), sizes.min(), sizes.max()) == (100_000, 20, 737)
    assert sum(int(own.y.sum()) for own in clients) == 55_375  # 34,174 fours and 21,201 fives
    assert sum(own.group.endswith(" F") for own in clients) == 273
    assert {own.group.split()[0] for own in clients} == {"under", "18-24", "25-34", "35-44", "45-49", "50-55", "56+"}
    assert made.notes == ("licence: research use, no redistribution (GroupLens)",)


def test_no_feature_is_made_of_labels(file, tmp_path):
    with np.load(file) as archive:
        rating = archive["rating"]
    altered(file, tmp_path / file.name, rating=6 - rating)
    one, other = at(file.parent), at(tmp_path)
    for client in range(10):
        np.testing.assert_array_equal(one.examples(client).x, other.examples(client).x)
        assert not np.array_equal(one.examples(client).y, other.examples(client).y)


def test_people_with_few_ratings_are_skipped_and_counted(file, tmp_path):
    with np.load(file) as archive:
        kept = {name: archive[name] for name in ("user", "item", "rating")}
    few = (kept["user"] != 7) | (np.cumsum(kept["user"] == 7) < 20)
    altered(file, tmp_path / file.name, **{name: array[few] for name, array in kept.items()})
    made = at(tmp_path)
    assert made.clients == 942
    assert made.notes[0] == "1 of 943 people have fewer than 20 ratings: skipped"
    assert 7 not in made.table.order


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"rating": None}, "no array 'rating'"),
        ({"rating": np.array([1.5, 2.5])}, "'rating' is float64"),
        ({"rating": np.array([{}], object)}, "allow_pickle"),
        ({"rating": np.array([3], np.int8)}, "differ in length"),
        ({"user_age": np.array([30, 40])}, "a user is not one of 0 … 1"),
        ({"item_genres": np.ones((1682, 3), bool)}, "item_genres is not"),
        ({"user_occupation": np.full(943, 21)}, "an occupation is not"),
        ({"user": np.zeros(0, int), "item": np.zeros(0, int), "rating": np.zeros(0, int)}, "no rating"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(file, tmp_path, arrays, problem):
    damaged = tmp_path / file.name
    altered(file, damaged, **arrays)
    with pytest.raises(DataError) as caught:
        _ = at(tmp_path).clients
    assert str(damaged) in str(caught.value)
    assert problem in str(caught.value)


def test_a_file_cut_short_is_named(file, tmp_path):
    truncated(file, tmp_path / file.name)
    with pytest.raises(DataError, match=r"movielens100k\.npz is damaged"):
        at(tmp_path).examples(0)


def test_a_folder_of_text_is_no_archive(tmp_path):
    (tmp_path / "movielens100k.npz").write_text("user,item\n1,2\n")
    with pytest.raises(DataError, match=r"movielens100k\.npz is damaged"):
        at(tmp_path).examples(0)
