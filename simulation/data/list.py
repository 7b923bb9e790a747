"""``list``: all data sets, what each is for, and whether it is here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metafed.core.errors import DataError
from metafed.data.sets.catalogue import Entry
from metafed.data.source import Origin
from simulation.data.sets import DATA_DIR, Reader, folders, licence, readers

HEAD = ("name", "family", "--tasks", "clients", "size", "licence", "file")


@dataclass(frozen=True)
class List:
    """List the data sets: family, clients, licence, size, and where the file is."""

    data_dir: str = str(DATA_DIR)
    """Data folder; several are separated as in PATH. ./data is searched last."""

    def run(self, catalogue: Mapping[str, Entry]) -> None:
        """Do it."""
        console = Console(markup=False)
        found = rows(catalogue, folders(self.data_dir))
        if console.is_terminal:
            console.print(narrow(found))
        else:
            print("\n".join(wide([HEAD, *found])))


def wide(found: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a line a reader, however long, in columns."""
    widths = [max(len(row[column]) for row in found) for column in range(len(HEAD) - 1)]
    right = {HEAD.index("clients"), HEAD.index("size")}

    def line(row: tuple[str, ...]) -> str:
        cells = (f"{cell:{'>' if n in right else '<'}{widths[n]}}" for n, cell in enumerate(row[:-1]))
        return "  ".join([*cells, row[-1]])

    return [line(row) for row in found]


def narrow(found: Iterable[tuple[str, ...]]) -> Table:
    """Return a table for a terminal of 80 columns: licence and file stand below each data set's name."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("name", "--tasks", "clients", "size"):
        table.add_column(column, justify="right" if column in ("clients", "size") else "left", no_wrap=True)
    table.columns[1].overflow = "fold"
    table.columns[1].no_wrap = False
    below: tuple[str, ...] = ()
    for name, _, task, clients, size, *rest in found:
        if name and below:
            table.add_row("", Text("\n".join(below), style="dim"), end_section=True)
        if name:
            below = tuple(rest)
        elif rest[1] not in below:
            below = (*below, rest[1])  # what is wrong with this reader only
        table.add_row(Text(name, style="bold"), Text(task), clients, size if name else "")
    if below:
        table.add_row("", Text("\n".join(below), style="dim"))
    return table


def rows(catalogue: Mapping[str, Entry], data_dirs: Sequence[Path]) -> Iterator[tuple[str, ...]]:
    """Yield a row a reader, in the order of ``HEAD``; then entries and readers that miss the other."""
    listed = set()
    for entry in catalogue.values():
        found = list(readers(entry.file))
        path = next((path for reader in found if (path := reader.kind.find(data_dirs))), None)
        ours = sum(download.bytes for download in entry.downloads)
        size = f"{path.stat().st_size / 1e6:,.1f} MB" if path else f"↓ {ours / 1e6:,.1f} MB" if ours else "–"
        how = f"not here: {'fetch' if ours else 'prepare'} {entry.name}"
        for reader in found:
            listed.add(reader.task)
            number, trouble = clients(reader, data_dirs) if path else ("–", "")
            name = entry.name if reader == found[0] else ""
            yield name, reader.family, reader.task, number, size, licence(entry), trouble or str(path or how)
        if not found:
            yield entry.name, "–", "–", "–", size, licence(entry), how
    for reader in readers():
        if reader.task not in listed:
            path = reader.kind.find(data_dirs)
            number, trouble = clients(reader, data_dirs) if path else ("–", "")
            where = trouble or str(path or f"not here: {reader.kind.file}")
            yield reader.name, reader.family, reader.task, number, "–", reader.kind.licence, where


def clients(reader: Reader, data_dirs: Sequence[Path]) -> tuple[str, str]:
    """Return how many clients a data set has, and what is wrong with it if anything."""
    try:
        found = reader.kind(Origin(0, tuple(data_dirs))).clients
    except DataError as error:
        return "–", str(error)
    return ("any" if found is None else f"{found:,}"), ""
