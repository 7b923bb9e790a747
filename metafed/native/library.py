"""Compiling a C++ file of this folder, once a machine, and loading it."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
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
    """Return the folder of compiled kernels: ``metafed/native`` below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metafed" / "native"


@lru_cache
def library(name: str) -> ctypes.CDLL:
    """Return the library made of ``<name>.cpp``, compiling it if this machine has not done so yet.

    Raises:
        NoCompiler: There is no compiler, or it cannot compile the file; the message is the compiler's.
    """
    return ctypes.CDLL(str(build(HERE / f"{name}.cpp")))


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
    target = cache_folder() / f"{source.stem}-{_key(source, program)}.so"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # several workers may compile at once: each its own file, and the last name wins
    handle, scratch = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    os.close(handle)
    try:
        done = subprocess.run([program, *FLAGS, str(source), "-o", scratch], capture_output=True, text=True)
        if done.returncode:
            raise NoCompiler(f"{program} cannot compile {source.name}: {done.stderr.strip()[-1000:]}")
        os.replace(scratch, target)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return target


def _key(source: Path, program: str) -> str:
    """Return a hash of all that the compiled code depends on."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    texts = [file.read_text() for file in (source, *sorted(source.parent.glob("*.h")))]
    parts = (*texts, version, " ".join(FLAGS), platform.machine(), _processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return what ``-march=native`` goes by: the processor's model and features."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
