"""Vectors of texts by Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, arXiv 1908.10084: the mean of the last layer.

A batch has a set number of texts, all of one length, filled up by texts of its own: a text has the same vector, to the
last bit, whatever is beside it, so that it does not matter which client asks first. What has been encoded is kept on
disk, by the hash of weights and text, for every process of this machine. Other versions of torch or transformers, and
other instructions of the processor, may give other last bits: they have files of their own. A sum is kept with every
vector: one that is damaged is encoded again.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

import numpy as np

from metafed.data.encoder.loading import batches, model, tokens
from metafed.data.encoder.weights import Weights
from metafed.data.files.copies import cache

FOLDER = "encoded"
MOST_BYTES = 2 * 2**30
"""Size of one encoder's file on disk at most; what is encoded beyond it is encoded again in each process."""
MOST_FILES = 4
"""Encoders whose vectors are kept, the last ones used."""
TOGETHER = 500
"""Texts that are looked up, or stored, in one statement."""
WAIT = 60.0
"""Seconds to wait for another process that writes."""
SUM = 8
"""Bytes of the sum behind each vector on disk."""


@final
class Vectors:
    """An encoder's vectors, of length 1.

    Args:
        weights: The encoder.
        folder: Where vectors are kept; None: in this process alone.
    """

    def __init__(self, weights: Weights, folder: Path | None) -> None:
        self.weights = weights
        self._here: dict[bytes, np.ndarray] = {}
        self._path = _opened(folder, file_of(weights))

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors of texts, ``(n, width)`` of float32.

        Raises:
            DataError: transformers is not installed, or cannot read the weights.
        """
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._here}
        self._here.update(found := self._kept(list(missing)))
        unknown = {key: text for key, text in missing.items() if key not in found}
        if unknown:
            new = dict(zip(unknown, self._encode(list(unknown.values())), strict=True))
            self._here.update(new)
            self._keep(new)
        return np.array([self._here[key] for key in keys], dtype=np.float32).reshape(len(texts), self.weights.width)

    @cached_property
    def _model(self) -> Any:
        return model(self.weights)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        found = np.empty((len(texts), self.weights.width), np.float32)
        for full, rows in batches(tokens(self.weights, texts, self.weights.longest)):
            with torch.inference_mode():
                mean = self._model(input_ids=rows, attention_mask=torch.ones_like(rows)).last_hidden_state.mean(1)
                found[full] = torch.nn.functional.normalize(mean, dim=1).float().numpy()
        return found

    def _kept(self, keys: list[bytes]) -> dict[bytes, np.ndarray]:
        found: dict[bytes, np.ndarray] = {}
        if self._path is None:
            return found
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path, WAIT)) as store:
            for start in range(0, len(keys), TOGETHER):
                some = keys[start : start + TOGETHER]
                marks = ",".join("?" * len(some))
                for key, value in store.execute(f"select key, value from vectors where key in ({marks})", some):
                    if len(value) == 4 * self.weights.width + SUM and value == _signed(key, value[:-SUM]):
                        found[key] = np.frombuffer(value[:-SUM], np.float32)
        return found

    def _keep(self, new: dict[bytes, np.ndarray]) -> None:
        if self._path is None:
            return
        rows = [(key, _signed(key, value.tobytes())) for key, value in new.items()]
        try:
            if self._path.stat().st_size > MOST_BYTES:
                return
            with closing(sqlite3.connect(self._path, WAIT)) as store, store:
                store.executemany("insert or replace into vectors values (?, ?)", rows)
        except (OSError, sqlite3.Error) as error:  # another process may have deleted the file
            logging.getLogger(__name__).warning("texts are encoded again in each process: %s: %s", self._path, error)
            self._path = None


def _signed(key: bytes, value: bytes) -> bytes:
    """Return a vector's bytes with their sum behind them."""
    return value + hashlib.blake2b(key + value, digest_size=SUM).digest()


def file_of(weights: Weights) -> str:
    """Return the name of the file of an encoder's vectors: it follows from all that their bits follow from."""
    import torch

    parts = [weights.sha256, torch.__version__, torch.backends.cpu.get_cpu_capability()]
    with suppress(PackageNotFoundError):
        parts.append(version("transformers"))
    return f"{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}.sqlite"


def _opened(folder: Path | None, name: str) -> Path | None:
    """Return the file of an encoder's vectors, begun anew where it is no database; None where there can be none."""
    if folder is None:
        return None
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _begin(path)
        except sqlite3.OperationalError:  # locked, full, or not ours to write
            raise
        except sqlite3.DatabaseError:
            path.unlink()
            _begin(path)
        path.touch()
        others = sorted(folder.glob("*.sqlite"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for file in others[MOST_FILES:]:
            file.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        logging.getLogger(__name__).warning("texts are encoded again in each process: %s: %s", path, error)
        return None
    return path


def _begin(path: Path) -> None:
    with closing(sqlite3.connect(path, WAIT)) as store, store:
        store.execute("create table if not exists vectors (key blob primary key, value blob) without rowid")


@lru_cache
def vectors(weights: Weights) -> Vectors:
    """Return the vectors of an encoder, one a process, kept in the user's cache folder."""
    try:
        return Vectors(weights, cache() / FOLDER)
    except RuntimeError:  # a user without a home
        return Vectors(weights, None)
