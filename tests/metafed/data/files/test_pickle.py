"""A pickle may run any code when it is opened: of the watch data only the known one is, and it makes only arrays."""

import hashlib
import io
import pickle

import numpy as np
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.watch_gestures import maker as watch_gestures_files


class Evil:
    """Opens a file for writing when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def evil(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array(Evil(tmp_path / "ran"), dtype=object), allow_pickle=True)
    (tmp_path / "watch_dataset.npy").write_bytes(buffer.getvalue())
    return tmp_path


def test_no_other_pickle_than_the_known_one_is_opened(evil):
    with pytest.raises(DataError, match="It is a pickle, and no other is opened"):
        watch_gestures_files.read(evil)
    assert not (evil / "ran").exists()


def test_the_unpickler_makes_nothing_but_arrays(evil, monkeypatch):
    digest = hashlib.sha256((evil / "watch_dataset.npy").read_bytes()).hexdigest()
    monkeypatch.setattr(watch_gestures_files, "SHA256", digest)
    with pytest.raises(pickle.UnpicklingError, match="is not allowed"):
        watch_gestures_files.read(evil)
    assert not (evil / "ran").exists()


def test_the_file_that_would_have_run_does_run_elsewhere(evil):
    np.load(evil / "watch_dataset.npy", allow_pickle=True)
    assert (evil / "ran").exists()
