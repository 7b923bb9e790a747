"""What follows from a file alone is read once a process, and again when the file is another."""

import os

import pytest

from metafed.data.files.shared import KEPT, by_file


class Counting:
    """A source whose file holds a number; counts how often it is read."""

    reads = 0

    def __init__(self, path):
        self.path = path

    @by_file
    def number(self):
        type(self).reads += 1
        return [int(self.path.read_text())]


def test_sources_of_one_file_share_what_was_read_until_it_changes(tmp_path):
    class Own(Counting):
        reads = 0

    file = tmp_path / "file"
    file.write_text("1")
    first = Own(file).number()
    assert Own(file).number() is first
    assert Own.reads == 1
    file.write_text("22")
    os.utime(file, ns=(1, 1))
    assert Own(file).number() == [22]
    assert Own.reads == 2


def test_classes_and_files_have_contents_of_their_own_and_old_ones_are_let_go(tmp_path):
    class One(Counting):
        reads = 0

    class Other(Counting):
        reads = 0

    files = []
    for number in range(KEPT + 1):
        files.append(tmp_path / str(number))
        files[-1].write_text(str(number))
    assert One(files[0]).number() == Other(files[0]).number() == [0]
    assert (One.reads, Other.reads) == (1, 1)
    assert [One(file).number() for file in files] == [[number] for number in range(KEPT + 1)]
    One(files[0]).number()  # was let go for the others
    assert One.reads == KEPT + 2


def test_a_missing_file_is_the_readers_to_complain_about(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Counting(tmp_path / "nowhere").number()
