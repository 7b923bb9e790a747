"""The number of query rows in training is a setting of the run; evaluation has as many as before."""

import pytest

import metafed as mf
from metafed.core.errors import SettingError
from metafed.federation.federation import Federation


def drawn(**settings):
    """Return the query rows of one client's training episode and those of its evaluation episode."""
    population = Federation(mf.Experiment(**{"tasks": "personalization", "clients": 4} | settings)).population
    return [int(draw.episode.query.mask.sum()) for draw in (population.training([0], 1), population.evaluation([0]))]


@pytest.mark.parametrize(("asked", "training"), [(1, 1), (3, 3), (100, 27)])
def test_a_training_episode_has_as_many_query_rows_as_asked_for_or_as_there_are(asked, training):
    assert drawn() == [27, 27]
    assert drawn(query_rows=asked) == [training, 27]


def test_query_rows_are_of_each_class_where_shots_are():
    both = [drawn(query_rows=2, tasks="assistant")[0], drawn(query_rows=4, tasks="assistant")[0]]
    assert both[1] == 2 * both[0]


def test_query_rows_do_nothing_where_all_rows_are_trained_on():
    local = mf.ClientTraining(rows="all", epochs=1)
    with pytest.raises(SettingError, match=r"--query-rows 3 does nothing with --local.rows all"):
        mf.Experiment(algorithm="fedavg", local=local, query_rows=3)


def test_notes_of_a_table_say_how_many():
    rows = {"who": [n % 6 for n in range(120)], "x": [n / 7 % 1 for n in range(120)], "y": [n % 2 for n in range(120)]}
    family = mf.Family.from_frame("own", rows, client="who", target="y", features=["x"])
    for asked, said in ((None, "40 query rows in training"), (2, "2 query rows in training")):
        (source,) = Federation(mf.Experiment(families=[family], clients=6, query_rows=asked)).sources
        assert any(f"support rows, and {said}" in note for note in source.notes)
