"""What is common to all readers: folders, missing files, order of clients, soundness of rows."""

from pathlib import Path

import numpy as np
import pytest

from metafed.core.episodes import draw, halves
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.source import Origin
from metafed.families import FAMILIES

READERS = {
    "movielens100k": ("personalization", "movielens100k/movielens100k.npz"),
    "clinc150": ("assistant", "intents/clinc150.parquet"),
    "bandai_motion": ("avatar", "bandai_motion/bandai_motion.npz"),
    "banking77": ("assistant", "intents/banking77.parquet"),
    "watch_gestures": ("avatar", "watch_gestures/watch_gestures.npz"),
    "crypto_prices": ("assets", "crypto_prices/crypto_daily.parquet"),
    "facebook_ego": ("social", "facebook_ego/facebook_ego.npz"),
}


@pytest.fixture(scope="module", params=["small", pytest.param("real", marks=pytest.mark.data)])
def folders(request):
    """Data folders: of small files in the publishers' form, which are everywhere, and of the real data."""
    names = {"small": ["small_data"], "real": ["shared_data", "movielens_data"]}[request.param]
    return tuple(request.getfixturevalue(name) for name in names)


def reader(name, *folders, seed=0):
    return FAMILIES[READERS[name][0]].sources[name](Origin(seed, tuple(map(Path, folders))))


def some(made):
    """Numbers of clients: seventeen, or all where there are fewer."""
    return range(min(17, made.clients or 17))


@pytest.mark.parametrize("name", READERS)
class TestEveryReader:
    def test_rows_are_sound_and_the_four_sets_disjoint(self, name, folders):
        made = reader(name, *folders)
        shots = made.shots or FAMILIES[READERS[name][0]].shots
        for client in some(made):
            own = made.examples(client)
            assert own.x.shape == (len(own.y), made.features)
            assert own.x.dtype == np.float32
            assert np.isfinite(own.x).all()
            assert np.isfinite(own.y).all()
            assert np.isnan(own.oracle_score).all()
            assert own.group
            training, evaluation = halves(own, shots, stream(0, "halves", client))
            sets = [*draw(own, training, shots, shots.query, stream(0, "e", client))]
            sets += draw(own, evaluation, shots, shots.evaluation, stream(0, "v", client))
            assert all(len(rows) for rows in sets)
            assert len(np.unique(np.concatenate(sets))) == sum(map(len, sets))

    def test_same_seed_same_rows_and_another_seed_other_clients(self, name, folders):
        one, same, other = (reader(name, *folders, seed=seed) for seed in (0, 0, 1))
        rows = [[made.examples(client).x.tobytes() for client in some(made)] for made in (one, same, other)]
        assert rows[0] == rows[1]
        assert rows[0] != rows[2]
        assert len(set(rows[0])) == len(some(one))

    def test_sizes_are_unequal(self, name, folders):
        made = reader(name, *folders)
        sizes = [len(made.examples(client).y) for client in some(made)]
        assert max(sizes) > 1.5 * min(sizes)

    def test_notes_and_files(self, name, folders):
        made = reader(name, *folders)
        assert any(note.startswith("licence: ") for note in made.notes)
        assert [str(file)[-len(READERS[name][1]) :] for file in made.files] == [READERS[name][1]]

    def test_the_file_may_lie_in_the_folder_itself_and_the_first_folder_wins(self, name, folders, tmp_path):
        there = next(path for folder in folders if (path := folder / READERS[name][1]).is_file())
        (tmp_path / there.name).symlink_to(there)
        made = reader(name, tmp_path / "none", tmp_path, *folders)
        assert made.files == (tmp_path / there.name,)
        assert len(made.examples(0).y)

    def test_a_missing_file_is_named_with_the_folders_and_the_remedy(self, name, tmp_path):
        made = reader(name, tmp_path / "one", tmp_path / "two")
        assert made.features > 0  # known without reading
        for ask in (lambda: made.clients, lambda: made.examples(0), lambda: made.notes, lambda: made.files):
            with pytest.raises(DataError) as caught:
                ask()
            message = str(caught.value)
            for part in (READERS[name][1], str(tmp_path / "one"), str(tmp_path / "two"), "--data-dir"):
                assert part in message
            assert "\n" not in message
