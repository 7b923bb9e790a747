"""Kernels are compiled once, by the machine's own compiler, and a run says which kernels computed it."""

import os
import subprocess
import sys
import tempfile

import pytest

from metafed.native import library
from metafed.native.choice import choose, resolve
from tests.simulation.command.running import command

SOURCE = 'extern "C" int answer() { return 41 + 1; }\n'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "metafed" / "native"


@pytest.mark.compiler
def test_a_file_is_compiled_once_and_anew_when_it_or_a_header_changes(tmp_path, cache):
    source = tmp_path / "answer.cpp"
    source.write_text(SOURCE)
    first = library.build(source)
    written = first.stat().st_mtime_ns
    assert library.build(source) == first
    assert first.stat().st_mtime_ns == written
    (tmp_path / "more.h").write_text("// a header\n")
    second = library.build(source)
    source.write_text(SOURCE + "// changed\n")
    assert len({first, second, library.build(source)}) == 3
    assert sorted(cache.glob("*.tmp")) == []


@pytest.mark.compiler
def test_many_processes_that_compile_at_once_all_load_it(tmp_path, cache):
    source = tmp_path / "answer.cpp"
    source.write_text(SOURCE)
    code = (
        "import ctypes, sys; from pathlib import Path; from metafed.native.library import build;"
        "print(ctypes.CDLL(str(build(Path(sys.argv[1])))).answer())"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, source], stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in started] == [b"42"] * 3


@pytest.mark.compiler
def test_a_file_that_does_not_compile_is_an_error_with_the_compilers_words(tmp_path, cache):
    source = tmp_path / "wrong.cpp"
    source.write_text("int main( {\n")
    with pytest.raises(library.NoCompiler, match=r"cannot compile wrong\.cpp"):
        library.build(source)
    assert list(cache.iterdir()) == []


def test_without_a_compiler_auto_means_torch_and_native_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    choose.cache_clear()
    library.library.cache_clear()  # another test of this process may have loaded them
    try:
        assert resolve("auto") == "torch"
        with pytest.raises(library.NoCompiler, match="install g"):
            resolve("native")
    finally:
        choose.cache_clear()
    refused = command(
        "--out", tmp_path / "run", "--clients", "4", "--rounds", "1", "--kernels", "native", "--engine", "local"
    )
    assert refused.returncode == 2
    assert "--kernels native" in refused.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No cache can be written, as in a home that is read-only; returns the folder for temporary files."""
    (tmp_path / "file").write_text("")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path / "tmp"
    tempfile.tempdir = None


@pytest.mark.compiler
@pytest.mark.parametrize("home", [True, False])
def test_without_a_cache_a_temporary_folder_of_ours_is_used(home, tmp_path, nowhere, monkeypatch):
    if not home:
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(library.Path, "home", no_home)
    (tmp_path / "answer.cpp").write_text(SOURCE)
    made = library.build(tmp_path / "answer.cpp")
    assert made.parent.parent == nowhere
    assert made.parent.stat().st_mode & 0o077 == 0
    assert library.build(tmp_path / "answer.cpp") == made
    made.parent.chmod(0o777)  # anybody may have put something there
    with pytest.raises(library.NoCompiler, match="XDG_CACHE_HOME"):
        library.build(tmp_path / "answer.cpp")


def no_home():
    raise RuntimeError("Could not determine home directory.")


def test_a_compiler_that_fails_is_said_once_and_the_run_goes_on(tmp_path, cache):
    words = (
        "--clients",
        "4",
        "--rounds",
        "1",
        "--eval-every",
        "0",
        "--engine",
        "local",
        "--seeds",
        "2",
        "--width",
        "8",
    )
    done = command("--out", tmp_path / "run", *words, "--quiet", env={**os.environ, "CXX": "/bin/false"})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("--kernels auto: PyTorch's own are used") == 1
    assert 'kernels = "torch"' in (tmp_path / "run" / "seed-0" / "config.toml").read_text()
    refused = command("--out", tmp_path / "no", *words, "--kernels", "native", env={**os.environ, "CXX": "/bin/false"})
    assert refused.returncode == 2


def test_without_a_compiler_a_run_says_what_is_slower_and_goes_on(tmp_path):
    words = [
        "--clients",
        "4",
        "--rounds",
        "1",
        "--eval-every",
        "0",
        "--engine",
        "local",
        "--width",
        "8",
        "--seeds",
        "2",
    ]
    done = command("--out", tmp_path / "run", *words, env={**os.environ, "CXX": "no-such-compiler"})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("there is no C++ compiler here") == 1
    assert "about twice as long" in done.stderr


@pytest.mark.compiler
def test_a_library_that_was_cut_short_is_made_anew(tmp_path, cache, monkeypatch):
    (tmp_path / "answer.cpp").write_text(SOURCE)
    monkeypatch.setattr(library, "HERE", tmp_path)
    library.build(tmp_path / "answer.cpp").write_bytes(b"\x7fELF")
    assert library.library.__wrapped__("answer").answer() == 42


@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_the_record_says_which_kernels_computed(tmp_path, kernels):
    done = command(
        "--out", tmp_path / "run", "--clients", "4", "--rounds", "1", "--kernels", kernels, "--engine", "local"
    )
    assert done.returncode == 0, done.stderr
    expected = "torch" if kernels == "torch" or library.compiler() is None else "native"
    assert f'kernels = "{expected}"' in (tmp_path / "run" / "config.toml").read_text()
