"""The boundaries, one function each: bytes in, and an error for people, or nothing, out.

A target raises nothing for any input. What it catches is what its callers catch; whatever else comes out is a finding.
"""

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from metafed.core.errors import DataError
from metafed.core.parameters import Layout
from metafed.experiment.choices import parse_mix, parse_tasks
from metafed.experiment.settings import Experiment
from metafed.faults.plan import read_faults
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.messages.reading import unpack
from metafed.messages.typed import BadAnswer
from metafed.secure.keys import Forged
from metafed.secure.party import Party, Refused, read_keys
from simulation.cli.config import Config
from simulation.cli.errors import BadInput

LAYOUT = Layout({"trunk.w": (3,), "a.w": (2,)})
ASKED = [0, 1, 2, 3]


class Bytes:
    """Draws values from bytes, as fuzzers do: what runs out is zeros."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        """Return so many bytes."""
        found = self._data[self._at : self._at + count]
        self._at += count
        return found.ljust(count, b"\0")

    def below(self, limit: int) -> int:
        """Return a number in [0, limit)."""
        return int.from_bytes(self.take(2), "little") % limit

    def value(self, depth: int = 0) -> Any:
        """Return something that a message or a TOML file can hold."""
        kind = self.below(9 if depth < 2 else 6)
        if kind == 0:
            return struct.unpack("<d", self.take(8))[0]
        if kind == 1:
            return struct.unpack("<q", self.take(8))[0]
        if kind == 2:
            return self.take(self.below(12)).decode("utf-8", "replace")
        if kind == 3:
            return bool(self.below(2))
        if kind == 4:
            return self.take(self.below(70))
        if kind == 5:
            return self.below(6)
        return [self.value(depth + 1) for _ in range(self.below(6))]

    def array(self) -> np.ndarray:
        """Return an array of any type and shape that numpy can have without pickle."""
        types = ("<f8", "<f4", "<i8", "<u8", "|b1", "<c16", "<U3", "<f2", ">f8")
        dtype = np.dtype(types[self.below(len(types))])
        shape = tuple(self.below(6) for _ in range(self.below(4)))
        count = int(np.prod(shape)) * dtype.itemsize
        return np.frombuffer(self.take(min(count, 4096)).ljust(count, b"\0"), dtype).reshape(shape)


def message(data: bytes) -> None:
    """A host's answer, in the form that Flower has parsed."""
    source = Bytes(data)
    arrays: dict[str, np.ndarray] = {}
    values: dict[str, Any] = {}
    if source.below(3):  # most of a usable answer, so that what lies deeper is reached
        values = {"tables": 1, "updates": 1, "failed": [], "reasons": [], "halved": [], "tried": [], "fitted": []}
        values |= {"rows0/steps": [1], "rows0/group": ["x"], "updates0/clients": [1], "weight/trunk": 1.0}
        arrays = {"rows0": np.array([[1.0, 0.5, 5, 2, 3, 0.1, 0.9]]), "sum/trunk": np.zeros(3)}
        arrays["updates0/trunk"] = np.zeros((1, 3))
    names = ("sum/trunk", "sum/a", "sum/zzz", "rows0", "updates0/trunk", "updates0/q", "masked", "sum/a/x", "rows1")
    keys = ("tables", "updates", "failed", "reasons", "halved", "tried", "fitted", "rows0/steps", "rows0/group")
    more = ("updates0/clients", "weight/trunk", "weight/a", "scale/trunk", "total/x", "masked", "rows1/steps")
    for _ in range(source.below(5)):
        arrays[names[source.below(len(names))]] = source.array()
    for _ in range(source.below(8)):
        keyed = keys + more
        values[keyed[source.below(len(keyed))]] = source.value()
    try:
        unpack(arrays, values, LAYOUT, ASKED)
    except BadAnswer:
        return


def config_file(data: bytes) -> None:
    """``--config FILE``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(data)
        try:
            Config.from_file(path)
        except BadInput:
            return


def run_config(data: bytes) -> None:
    """Flower's run config: flat keys and plain values."""
    source, settings = Bytes(data), Experiment().to_run_config()
    keys = [*settings, "algorithm", "algorithm.settings", "dp-noise", "dp-epsilon", "a.b.c", "", "."]
    keys += ["clients.x", "mix"]
    for _ in range(1 + source.below(5)):
        found = source.value(2)
        settings[keys[source.below(len(keys))]] = found if isinstance(found, bool | int | float | str) else str(found)
    try:
        Experiment.from_run_config(settings)
    except (ValidationError, ValueError):
        return


def tasks(data: bytes) -> None:
    """``--tasks``, and ``--mix``."""
    text = data.decode("utf-8", "replace")
    for parse in (parse_tasks, lambda t: parse_mix(t, ("a", "b"))):
        try:
            parse(text)
        except (ValueError, DataError):
            continue


def faults(data: bytes) -> None:
    """``--faults``: a file's name, or JSON."""
    for text in (data.decode("utf-8", "replace"), '{"fault": [' + data.decode("utf-8", "replace")):
        if "\0" in text or len(text) > 4000:
            continue
        try:
            read_faults(text)
        except DataError:
            continue


def keys(data: bytes) -> None:
    """Keys and sealed shares of secure aggregation, as a client reads them."""
    source = Bytes(data)
    party = Party(0, bytes(32), 1)
    try:
        said = {"clients": source.value(), "messages": source.value(), "masks": source.value()}
        if source.below(2):
            said = {"clients": [0, 1], "messages": [party.keys().messages, source.take(32)]}
            said["masks"] = [party.keys().masks, source.take(32)]
        everybody = read_keys(said)
        party.shares(everybody, source.below(4))
        party.unmasking(everybody, source.below(4), [0, 1], [0, 1], {1: source.take(source.below(200))})
    except (Refused, Forged, ValueError, TypeError, KeyError):
        return


def checkpoint(data: bytes) -> None:
    """A checkpoint's JSON and arrays."""
    from server.checkpoint import Damaged, read

    source = Bytes(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "state").mkdir()
        (folder / "round-00000001.json").write_bytes(source.take(source.below(400)))
        (folder / "round-00000001.safetensors").write_bytes(source.take(source.below(200)))
        (folder / "state" / "round-00000001.safetensors").write_bytes(source.take(source.below(200)))
        try:
            read(folder, 1)
        except Damaged:
            return


def own_data(data: bytes) -> None:
    """A user's own data: the description and the table that it names."""
    source = Bytes(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kind = ("csv", "parquet", "npz")[source.below(3)]
        table = folder / f"t.{kind}"
        described = (
            source.take(source.below(120)) if source.below(2) else b'client = "u"\ntarget = "y"\nfeatures = ["x"]\n'
        )
        (folder / "d.toml").write_bytes(f'data = "t.{kind}"\n'.encode() + described)
        table.write_bytes(source.take(source.below(2000)))
        try:
            parse_tasks(f"mine:{folder / 'd.toml'}")
            experiment = Experiment(tasks=f"mine:{folder / 'd.toml'}", clients=3, cohort=2)
            preflight(Federation(experiment))
        except (DataError, ValueError, ValidationError):
            return


TARGETS: dict[str, Callable[[bytes], None]] = {
    "message": message,
    "config-file": config_file,
    "run-config": run_config,
    "tasks": tasks,
    "faults": faults,
    "keys": keys,
    "checkpoint": checkpoint,
    "own-data": own_data,
}
"""What is fuzzed, by name."""
