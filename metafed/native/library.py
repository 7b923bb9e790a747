"""Compiling a C++ file of this folder, once a machine, and loading it."""

import ctypes
import errno
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fPIC", "-shared")
COMPILERS = ("c++", "g++", "clang++")


class NoCompiler(RuntimeError):
    """There is no C++ compiler that can compile the kernels."""


def compiler() -> str | None:
    """Return the path of the C++ compiler: ``$CXX``, or the first of the usual names; None if there is none."""
    wanted = os.environ.get("CXX")
    return next((path for name in ((wanted,) if wanted else COMPILERS) if (path := shutil.which(name))), None)


def cache_folder() -> Path:
    """Return the folder of compiled kernels: ``metafed/native`` below ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        RuntimeError: The user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metafed" / "native"


def folders() -> dict[Path, bool]:
    """Return where compiled kernels may lie, and whether others could put files there unless it is looked at.

    That is the cache, or where it cannot be written a temporary folder of ours.
    """
    found = {}
    with suppress(RuntimeError):
        found[cache_folder()] = False
    return {**found, Path(tempfile.gettempdir()) / f"metafed-native-{os.getuid()}": True}


def ours(folder: Path) -> bool:
    """Say whether nobody else can put a file into ``folder``, which is loaded into this process."""
    try:
        about = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022


@lru_cache
def library(name: str) -> ctypes.CDLL:
    """Return the library made of ``<name>.cpp``, compiling it if this machine has not done so yet.

    Raises:
        NoCompiler: There is no compiler, or it cannot compile the file; the message is the compiler's. Or what it made
            cannot be loaded, as from a folder of which nothing may be executed.
    """
    path = build(HERE / f"{name}.cpp")
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        # written halfway on a full disk, or for another machine: it is made anew, once
        with suppress(OSError):
            path.unlink()
    try:
        return ctypes.CDLL(str(build(HERE / f"{name}.cpp")))
    except OSError as error:
        raise NoCompiler(f"the compiled kernels cannot be loaded: {error}") from None


def sources() -> list[Path]:
    """Return the C++ files of this folder."""
    return sorted(HERE.glob("*.cpp"))


def build(source: Path) -> Path:
    """Compile ``source`` unless the cache has it for this compiler, these flags and this processor.

    Raises:
        NoCompiler: There is no compiler, or it cannot compile the file.
    """
    program = compiler()
    if program is None:
        raise NoCompiler(f"the kernels need a C++ compiler: install {COMPILERS[1]}, or set CXX, or use --kernels torch")
    name = f"{source.stem}-{_key(source, program)}.so"
    for folder, shared in folders().items():
        if (not shared or ours(folder)) and os.path.isfile(folder / name):
            return folder / name
    reasons = []
    for folder, shared in folders().items():
        try:
            folder.mkdir(mode=0o700 if shared else 0o777, parents=True, exist_ok=True)
            if shared and not ours(folder):
                raise PermissionError(errno.EPERM, "belongs to somebody else")
            # several workers may compile at once: each its own file, and the last name wins
            handle, scratch = tempfile.mkstemp(dir=folder, suffix=".tmp")
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
            continue
        os.close(handle)
        try:
            _compile(program, source, scratch)
            os.replace(scratch, folder / name)
        finally:
            Path(scratch).unlink(missing_ok=True)
        return folder / name
    raise NoCompiler(f"no folder for the kernels ({'; '.join(reasons)}): name one by XDG_CACHE_HOME")


def _compile(program: str, source: Path, target: str) -> None:
    """Compile.

    Raises:
        NoCompiler: The compiler cannot, or cannot be run.
    """
    try:
        done = subprocess.run(
            [program, *FLAGS, str(source), "-o", target], capture_output=True, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise NoCompiler(f"{program} cannot be run: {error.strerror}") from None
    if done.returncode:
        raise NoCompiler(f"{program} cannot compile {source.name}: {done.stderr.strip()[-1000:]}")


def _key(source: Path, program: str) -> str:
    """Return a hash of all that the compiled code depends on."""
    try:
        version = subprocess.run([program, "--version"], capture_output=True, encoding="utf-8", errors="replace").stdout
    except OSError as error:
        raise NoCompiler(f"{program} cannot be run: {error.strerror}") from None
    texts = [file.read_text(encoding="utf-8") for file in (source, *sorted(source.parent.glob("*.h")))]
    parts = (*texts, version, " ".join(FLAGS), platform.machine(), _processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return what ``-march=native`` goes by: the processor's model and features."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
