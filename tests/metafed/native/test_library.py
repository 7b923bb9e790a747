"""Kernels are compiled once, by the machine's own compiler, and a run says which kernels computed it."""

import subprocess
import sys

import pytest

from metafed.native import library
from metafed.native.choice import resolve
from tests.simulation.command.running import command

SOURCE = 'extern "C" int answer() { return 41 + 1; }\n'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "metafed" / "native"


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


def test_many_processes_that_compile_at_once_all_load_it(tmp_path, cache):
    source = tmp_path / "answer.cpp"
    source.write_text(SOURCE)
    code = (
        "import ctypes, sys; from pathlib import Path; from metafed.native.library import build;"
        "print(ctypes.CDLL(str(build(Path(sys.argv[1])))).answer())"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, source], stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in started] == [b"42"] * 3


def test_a_file_that_does_not_compile_is_an_error_with_the_compilers_words(tmp_path, cache):
    source = tmp_path / "wrong.cpp"
    source.write_text("int main( {\n")
    with pytest.raises(library.NoCompiler, match=r"cannot compile wrong\.cpp"):
        library.build(source)
    assert list(cache.iterdir()) == []


def test_without_a_compiler_auto_means_torch_and_native_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    resolve.cache_clear()
    try:
        assert resolve("auto") == "torch"
        with pytest.raises(library.NoCompiler, match="install g"):
            resolve("native")
    finally:
        resolve.cache_clear()
    refused = command(
        "--out", tmp_path / "run", "--clients", "4", "--rounds", "1", "--kernels", "native", "--engine", "local"
    )
    assert refused.returncode == 2
    assert "--kernels native" in refused.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_the_record_says_which_kernels_computed(tmp_path, kernels):
    done = command(
        "--out", tmp_path / "run", "--clients", "4", "--rounds", "1", "--kernels", kernels, "--engine", "local"
    )
    assert done.returncode == 0, done.stderr
    expected = "torch" if kernels == "torch" or library.compiler() is None else "native"
    assert f'kernels = "{expected}"' in (tmp_path / "run" / "config.toml").read_text()
