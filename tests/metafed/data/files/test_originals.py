"""Publishers' files are read where they lie, archives without being unpacked, and nothing can burst or escape."""

import io
import os
import tarfile
import zipfile

import pytest

from metafed.core.errors import DataError
from metafed.data.files import originals as module
from metafed.data.files.originals import originals

FILES = {"a.txt": b"one", "deep/b.txt": b"two", "deep/er/a.txt": b"three"}


def folder(path):
    for name, content in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zipped(path, files=FILES):
    with zipfile.ZipFile(path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path / "x.zip"


def tarred(path, files=FILES):
    with tarfile.open(path / "x.tar.gz", "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path / "x.tar.gz"


@pytest.mark.parametrize("make", [folder, zipped, tarred])
def test_a_folder_and_its_archives_hold_the_same_files(make, tmp_path):
    with originals(make(tmp_path)) as found:
        assert {file.name: file.read() for file in found.files} == FILES
        assert found.one("b.txt").text() == "two"
        assert found.one("a.txt").read() == b"one"  # the least deep
        assert found.find("c.txt") is None
        assert [(file.name, match[1]) for file, match in found.matching(r"(\w)\.txt")] == [
            ("a.txt", "a"),
            ("deep/b.txt", "b"),
            ("deep/er/a.txt", "a"),
        ]


@pytest.mark.parametrize("make", [zipped, tarred])
def test_archives_in_a_folder_are_opened_and_what_they_unpacked_to_counts_first(make, tmp_path):
    make(tmp_path)
    with originals(tmp_path) as found:
        assert {file.name for file in found.files} == FILES.keys()
    (tmp_path / "a.txt").write_bytes(b"unpacked")
    with originals(tmp_path) as found:
        assert found.one("a.txt").read() == b"unpacked"
        assert len(found.files) == len(FILES)


def test_a_single_file_is_a_place_of_one_file(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x")
    with originals(tmp_path / "a.txt") as found:
        assert [file.name for file in found.files] == ["a.txt"]


def test_hidden_folders_are_left_out(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.txt").write_bytes(b"x")
    with originals(tmp_path) as found:
        assert found.files == []


@pytest.mark.parametrize("make", [zipped, tarred])
def test_names_that_point_outside_write_nothing_and_links_are_no_files(make, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    path = make(inside, {"../escaped.txt": b"x", "/tmp/absolute.txt": b"y", "good.txt": b"z"})
    if path.suffix == ".gz":
        with tarfile.open(path, "w:gz") as archive:
            for kind, name in (
                (tarfile.SYMTYPE, "link.txt"),
                (tarfile.LNKTYPE, "hard.txt"),
                (tarfile.FIFOTYPE, "pipe"),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "/etc/passwd"
                archive.addfile(member)
    before = sorted(tmp_path.rglob("*"))
    with originals(path) as found:
        for file in found.files:
            file.read()
        assert not any(file.name in ("link.txt", "hard.txt", "pipe") for file in found.files)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused_whatever_its_header_says(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    path = zipped(tmp_path, {"bomb.txt": bytes(10**6)})
    content = bytearray(path.read_bytes())
    assert len(content) < 2000
    for place in (content.index(b"PK\x01\x02") + 24, content.index(b"PK\x03\x04") + 22):
        content[place : place + 4] = (900).to_bytes(4, "little")  # the size that it claims to unpack to
    path.write_bytes(content)
    for claimed in (True, False):
        if not claimed:
            path = zipped(tmp_path, {"bomb.txt": bytes(10**6)})
        with originals(path) as found, pytest.raises(DataError, match=r"bomb\.txt (is larger than|cannot be read)"):
            found.one("bomb.txt").read()


def test_many_files_cannot_add_up_without_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOTAL", 2500)
    path = zipped(tmp_path, {f"{number}.txt": bytes(1000) for number in range(3)})
    with originals(path) as found, pytest.raises(DataError, match="unpacks to more than"):
        [file.read() for file in found.files]
    monkeypatch.setattr(module, "MOST", 2)
    with pytest.raises(DataError, match="more than 2 files"), originals(path):
        pass


def test_a_tar_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TARBALL", 10_000)
    with pytest.raises(DataError, match="unpacks to more than"), originals(tarred(tmp_path, {"b": bytes(10**6)})):
        pass


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_cut_archive_is_named(make, tmp_path):
    path = make(tmp_path, {"a.txt": os.urandom(5000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=rf"{path.name} is no archive that can be read"), originals(path):
        pass


def test_an_altered_member_is_named(tmp_path):
    path = zipped(tmp_path, {"a.txt": os.urandom(5000)})
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with originals(path) as found, pytest.raises(DataError, match=r"x\.zip: a\.txt cannot be read"):
        found.one("a.txt").read()


def test_two_files_of_one_name_are_not_chosen_from(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    with originals(tmp_path) as found, pytest.raises(DataError, match=r"several files a\.txt: .*one.*two"):
        found.one("a.txt")


def test_what_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(DataError, match="none: no such file or folder"), originals(tmp_path / "none"):
        pass
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with originals(tmp_path) as found:
        with pytest.raises(DataError, match=r"a\.txt is not utf-8 text"):
            found.one("a.txt").text()
        with pytest.raises(DataError, match=r"has no file b\.txt"):
            found.one("b.txt")
