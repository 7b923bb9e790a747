"""``check``: read a data set as a run would, all of its clients, and say what is in it or what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.catalogue import Entry
from metafed.data.sets.invariants import broken
from metafed.data.table.labels import label_table
from metafed.data.table.source import Own
from server.record.tables import sha256_of
from simulation.cli.errors import BadInput
from simulation.data.guard import findings
from simulation.data.sets import DATA_DIR
from simulation.data.sources import People, check_clients, people, same, tasks

CLIENTS = 200


@dataclass(frozen=True)
class Check:
    """Read a whole data set through its reader, all clients, and verify what must hold."""

    dataset: tyro.conf.Positional[str]
    """A data set's name, a prepared file, or FAMILY[:DATASET] as in --tasks."""
    data_dir: str = str(DATA_DIR)
    """Data folder; several are separated as in PATH. ./data is searched last."""
    clients: int = CLIENTS
    """Clients that are made and read where any number can be."""

    def run(self, catalogue: Mapping[str, Entry]) -> None:
        """Do it."""
        check_clients(self.clients)
        first, *others = tasks(self.dataset, dict(catalogue), self.data_dir)
        try:
            print("\n".join(whole(*first, self.clients)))
        except DataError as error:
            raise BadInput(str(error)) from None
        for task, data_dirs in others:  # other readers of the same file may need more of it
            try:
                print("\n".join(whole(task, data_dirs, self.clients)))
            except DataError as error:
                print(f"{task}: not checked: {error}")


def whole(task: str, data_dirs: tuple[Path, ...], clients: int) -> list[str]:
    """Read all clients, have the guard look at them, and return what to print.

    Raises:
        BadInput: A client's rows are unsound, or the guard would stop a run.
        DataError: The data set is missing or damaged.
    """
    who = people(task, data_dirs, clients)
    read = report(who)
    return read + findings(who, task, data_dirs)


def report(who: People) -> list[str]:
    """Read all clients and return what to print.

    Raises:
        BadInput: A client's rows are unsound, or not the same when they are read again.
        DataError: The data set is missing or damaged.
    """
    source, kind = who.source, who.choice.kind
    sizes, groups = [], set()
    for number, own in enumerate(who.examples()):
        wrong = broken(own, source.features, source.outputs, kind, who.shots, stream(0, "check", number))
        if wrong:
            raise BadInput(f"{who.task}, client {number}: {wrong}{_files(source.files)}")
        sizes.append(len(own.y))
        groups.add(own.group)
    if not sizes:
        raise BadInput(f"{who.task} has no client{_files(source.files)}")
    first_source, first_numbers = who.parts[0]
    if not same(first_source.examples(first_numbers[0]), first_source.examples(first_numbers[0])):
        raise BadInput(f"{who.task}, client 0: another reading gives other rows{_files(source.files)}")
    rows = np.array(sizes)
    held_out = f", of whom {len(who.parts[1][1]):,} held out" if len(who.parts) > 1 else ""
    read = " read of any number" if who.endless else ""
    targets = "classes" if kind == "classification" else "targets"
    lines = [
        f"{who.task}: sound",
        f"  clients {len(rows):,}{read}{held_out}",
        f"  rows {rows.sum():,}: {rows.min():,} to {rows.max():,} a client, median {np.median(rows):,.0f}",
        f"  {source.features} features, {source.outputs} {targets}, {len(groups)} groups",
    ]
    lines += [f"  file {path} ({path.stat().st_size:,} bytes), sha256 {sha256_of(path)}" for path in source.files]
    lines += [f"  note {note}" for note in source.notes]
    if isinstance(source, Own) and (dealt := source.dealt):
        lines += [f"  {line}" for line in label_table(dealt, source.labels)]
    return lines


def _files(files: tuple[Path, ...]) -> str:
    return f" ({', '.join(map(str, files))})" if files else ""
