"""``check`` and ``describe`` of a family that was made in Python, as the commands of these names do it."""

import io
from pathlib import Path

from rich.console import Console

from metafed.core.errors import DataError
from metafed.data.family import Family
from metafed.experiment.choices import written
from simulation.cli.errors import BadInput
from simulation.data.check import CLIENTS, whole
from simulation.data.describe import check_suffix, described
from simulation.data.sets import folders
from simulation.data.sources import check_clients, people


def check(family: Family | str, *, clients: int = CLIENTS, data_dir: str = "data") -> str:
    """Read all clients of a family, have the guard look at them, and return what ``data check`` prints.

    Args:
        family: A family, or its entry in ``--tasks``.
        clients: Clients that are made where any number can be.
        data_dir: Data folder; several are separated as in PATH.

    Raises:
        BadInput: The data cannot be used; the message says what to do.
    """
    try:
        return "\n".join(whole(_task("check", family, clients), folders(data_dir), clients))
    except DataError as error:
        raise BadInput(str(error)) from None


def describe(
    family: Family | str,
    *,
    clients: int = CLIENTS,
    data_dir: str = "data",
    seed: int = 0,
    out: str | Path | None = None,
) -> str:
    """Return what ``data describe`` prints of a family's clients: rows, labels and groups.

    Args:
        family: A family, or its entry in ``--tasks``.
        clients: Clients that are made where any number can be.
        data_dir: Data folder; several are separated as in PATH.
        seed: Of generated clients, and of how clients of data are numbered.
        out: Picture to write: .svg, .png, .pdf, or .html with the tables.

    Raises:
        BadInput: The data cannot be used, or the picture cannot be written.
    """
    place = None if out is None else Path(out)
    check_suffix(place)
    text = io.StringIO()
    try:
        who = people(_task("describe", family, clients), folders(data_dir), clients, seed)
    except DataError as error:
        raise BadInput(str(error)) from None
    described(Console(file=text, soft_wrap=True, markup=False), who, place)
    return text.getvalue().rstrip("\n")


def _task(function: str, family: Family | str, clients: int) -> str:
    if not isinstance(family, Family | str):
        raise BadInput(f"{function}(family): got {type(family).__name__}; give a family, or an entry of --tasks")
    check_clients(clients, f"{function}(clients={{}})")
    try:
        return written(family)
    except ValueError as error:
        raise BadInput(str(error)) from None
