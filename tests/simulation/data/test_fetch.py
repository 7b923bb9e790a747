"""Downloads, from a real server on this machine: whole, cut, altered, refused, without room, without consent."""

import hashlib
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from metafed.data.sets.catalogue import Download, Entry
from metafed.data.sets.movielens100k.reader import MovieLens100K
from simulation.data.command import main

PART = "original/films/ml-100k.zip.part"
ZIP = "original/films/ml-100k.zip"
COMMAND = """
import sys
from pathlib import Path
from metafed.data.sets.catalogue import Download, Entry
from simulation.data.command import main
url, size, sha256, binds, *words = sys.argv[1:]
entry = Entry(name="films", file=Path("movielens100k/movielens100k.npz"), maker="movielens100k", page="p", wants="w",
              binds=binds, downloads=(Download(url, int(size), sha256),))
sys.exit(main(words, {"films": entry}))
"""


class Films:
    """A data set of our own publisher."""

    def __init__(self, server, path):
        self.server, self.content = server, path.read_bytes()
        server.files["/ml-100k.zip"] = self.content
        self.binds = ""

    def download(self, url=None, size=None, sha256=None):
        known = hashlib.sha256(self.content).hexdigest()
        return Download(url or self.server.url("/ml-100k.zip"), size or len(self.content), sha256 or known)

    def fetch(self, out, *words, **download):
        """Run the command and return its exit code."""
        entry = Entry(
            name="films",
            file=MovieLens100K.file,
            maker="movielens100k",
            page="https://example.org/films",
            wants="u.data",
            binds=self.binds,
            downloads=(self.download(**download),),
        )
        return main(["fetch", "films", "--data-dir", str(out), *words], {"films": entry})

    def command(self, out, *words):
        """Return the words of a process that does the same."""
        download = self.download()
        given = [download.url, str(download.bytes), download.sha256, self.binds]
        return [sys.executable, "-c", COMMAND, *given, "fetch", "films", "--data-dir", str(out), *words]


@pytest.fixture
def films(server, tiny_zip):
    return Films(server, tiny_zip)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def files(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) if out.exists() else None


def test_a_data_set_is_downloaded_checked_and_prepared(films, out, capsys):
    assert films.fetch(out) == 0
    assert files(out) == ["movielens100k/movielens100k.npz", ZIP]
    assert (out / ZIP).read_bytes() == films.content
    with np.load(out / MovieLens100K.file, allow_pickle=False) as made:
        assert made["rating"].tolist() == [5, 1, 3]
    said = capsys.readouterr().out
    assert hashlib.sha256((out / MovieLens100K.file).read_bytes()).hexdigest() in said
    assert f"licence: {MovieLens100K.licence}" in said
    assert films.server.ranges == [None]


def test_what_is_there_is_kept_and_not_downloaded_again(films, out, capsys):
    assert films.fetch(out) == 0
    (out / MovieLens100K.file).write_bytes(b"mine")
    assert films.fetch(out) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (out / MovieLens100K.file).read_bytes() == b"mine"
    assert films.fetch(out, "--overwrite") == 0
    assert films.server.ranges == [None]  # one request in all
    (out / ZIP).write_bytes(b"damaged since")
    assert films.fetch(out, "--overwrite") == 0
    assert films.server.ranges == [None, None]
    assert (out / ZIP).read_bytes() == films.content


def test_a_cut_download_goes_on_where_it_was_within_one_command(films, out):
    films.server.cuts = [70_000, 30_000, 60_000]
    assert films.fetch(out) == 0
    assert films.server.ranges == [None, "bytes=70000-", "bytes=100000-", "bytes=160000-"]
    assert (out / ZIP).read_bytes() == films.content
    assert PART not in files(out)


def test_a_cut_download_goes_on_where_it_was_in_the_next_command(films, out, capsys):
    films.server.cuts = [70_000, 0]
    assert films.fetch(out) == 2
    error = capsys.readouterr().err
    assert f"cut after 70,000 of {len(films.content):,} bytes" in error
    assert "the same command goes on from there" in error
    assert error.count("\n") == 1
    assert files(out) == [PART]
    assert (out / PART).read_bytes() == films.content[:70_000]
    assert films.fetch(out) == 0
    assert films.server.ranges == [None, "bytes=70000-", "bytes=70000-"]
    assert (out / ZIP).read_bytes() == films.content


def test_an_endless_series_of_cuts_ends(films, out, capsys):
    films.server.cuts = [1000] * 100
    assert films.fetch(out) == 2
    assert "cut after 5,000 of" in capsys.readouterr().err
    assert len(films.server.ranges) == 5


@pytest.mark.parametrize("fault", ["no ranges", "another place", "beyond the end"])
def test_a_server_that_cannot_go_on_begins_again(films, out, fault):
    films.server.cuts = [70_000, 0]
    assert films.fetch(out) == 2
    if fault == "no ranges":
        films.server.understands_ranges = False
    elif fault == "another place":
        films.server.shift = 100
    else:  # the file at the publisher is shorter than what is here already
        films.server.files["/ml-100k.zip"], whole = films.content[:50_000], films.content
        assert films.fetch(out) == 2
        films.server.files["/ml-100k.zip"] = whole
    assert films.fetch(out) == 0
    assert (out / ZIP).read_bytes() == films.content


@pytest.mark.parametrize("cuts", [[], [70_000]])
def test_an_altered_file_is_refused_and_nothing_is_left(films, out, cuts, capsys):
    altered = bytearray(films.content)
    altered[len(altered) // 2] ^= 1
    films.server.files["/ml-100k.zip"] = bytes(altered)
    films.server.cuts = cuts
    assert films.fetch(out) == 2
    error = capsys.readouterr().err
    assert f"SHA-256 {hashlib.sha256(altered).hexdigest()}" in error
    assert f"expected {hashlib.sha256(films.content).hexdigest()}" in error
    assert error.count("\n") == 1
    assert files(out) is None


def test_the_rest_of_another_file_is_refused_and_the_next_command_begins_again(films, out, capsys):
    films.server.cuts = [70_000, 0]
    assert films.fetch(out) == 2
    films.server.files["/ml-100k.zip"] = bytes(len(films.content))
    assert films.fetch(out) == 2
    assert "is not the known file" in capsys.readouterr().err
    assert files(out) == []
    films.server.files["/ml-100k.zip"] = films.content
    assert films.fetch(out) == 0


def test_a_longer_file_is_refused_and_not_read_to_its_end(films, out, capsys):
    films.server.files["/ml-100k.zip"] = films.content + bytes(10**7)
    assert films.fetch(out) == 2
    assert "is not the known file" in capsys.readouterr().err
    assert files(out) is None


@pytest.mark.parametrize(("path", "problem"), [("/none.zip", "HTTP 404 Not Found"), ("", "refused")])
def test_a_publisher_that_does_not_have_it_is_told(films, out, path, problem, capsys):
    url = films.server.url(path) if path else "http://127.0.0.1:9/ml-100k.zip"  # nobody listens on port 9
    assert films.fetch(out, url=url) == 2
    error = capsys.readouterr().err
    assert f"{url} cannot be downloaded: " in error
    assert problem in error
    assert "prepare --from PATH" in error
    assert error.count("\n") == 1
    assert files(out) is None


def test_files_that_make_no_data_set_leave_no_data_set(films, out, tmp_path, capsys):
    shutil.make_archive(str(tmp_path / "empty"), "zip", tmp_path / "ml-100k", "u.user")
    films.content = films.server.files["/ml-100k.zip"] = (tmp_path / "empty.zip").read_bytes()
    assert films.fetch(out) == 2
    assert "has neither u.data" in capsys.readouterr().err
    assert files(out) == [ZIP]


def test_no_room_is_seen_before_the_download(films, out, capsys):
    assert films.fetch(out, size=10**18) == 2
    error = capsys.readouterr().err
    assert "no room" in error
    assert "needs 1,000,000,000,000.0 MB" in error
    assert "--data-dir" in error
    assert films.server.ranges == []
    assert files(out) is None


def test_no_room_while_downloading_leaves_nothing(films, out, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert films.fetch(out) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert error.startswith(f"metafed: --data-dir {out}: no room")
    assert error.count("\n") == 1
    assert files(out) is None
    assert films.fetch(out) == 0


def test_a_licence_that_binds_needs_consent(films, out, capsys):
    films.binds = "never laugh at it"
    assert films.fetch(out) == 2  # nobody sits here to be asked
    error = capsys.readouterr().err
    for part in ("never laugh at it", MovieLens100K.licence, "--accept-licence", "nothing was downloaded"):
        assert part in error
    assert films.server.ranges == []
    assert files(out) is None
    assert films.fetch(out, "--accept-licence") == 0


@pytest.mark.parametrize(("answer", "code"), [("Yes\n", 0), ("\n", 2), ("\x04", 2)])
def test_somebody_at_a_terminal_is_asked(films, out, answer, code):
    films.binds = "never laugh at it"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(films.command(out), stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    shown = b""
    while b"[yes/no]" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, answer.encode())
    reader = threading.Thread(target=drain, args=(ours,))
    reader.start()
    error = process.communicate()[1]
    reader.join()
    assert process.returncode == code
    assert b"never laugh at it" in shown
    if code:
        assert "was not accepted; nothing was downloaded" in error
        assert films.server.ranges == []
        assert files(out) is None
    else:
        assert MovieLens100K.file.as_posix() in files(out)


def drain(terminal):
    try:
        while os.read(terminal, 1000):
            pass
    except OSError:  # the other end is closed
        os.close(terminal)


def test_an_interrupted_download_goes_on(films, out):
    films.server.stall = threading.Event()
    process = subprocess.Popen(films.command(out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert films.server.sent_half.wait(60)
    while not (out / PART).exists() or not (out / PART).stat().st_size:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    films.server.stall.set()
    assert process.returncode == 130
    assert error == "metafed: interrupted; nothing is half-written, and a download goes on where it was\n"
    assert files(out) == [PART]
    have = (out / PART).stat().st_size
    films.server.stall = None
    assert films.fetch(out) == 0
    assert films.server.ranges == [None, f"bytes={have}-"]


def test_what_has_no_checksum_is_not_downloaded_and_says_where_it_is(out, capsys):
    assert main(["fetch", "facebook_ego", "--data-dir", str(out)]) == 2
    error = capsys.readouterr().err
    for part in ("https://snap.stanford.edu/", "facebook.tar.gz", "prepare facebook_ego --from PATH", ".circles"):
        assert part in error
    assert error.count("\n") == 1
    assert files(out) is None


def test_an_unknown_name_is_told_with_a_near_miss(out, capsys):
    assert main(["fetch", "omniglt", "--data-dir", str(out)]) == 2
    assert "unknown data set 'omniglt'; did you mean 'omniglot'?" in capsys.readouterr().err
