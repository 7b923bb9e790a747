"""``fetch``: download a publisher's files, check them against their known SHA-256, and prepare the data set."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pooch
import tyro
from rich.progress import Progress

from metafed.data.sets.catalogue import Download, Entry
from simulation.cli.errors import BadInput
from simulation.data.download import Resuming
from simulation.data.files import made, trouble
from simulation.data.prepare import kept, make
from simulation.data.sets import DATA_DIR, entry, licence

ORIGINAL = Path("original")
"""Folder below the data folder where publishers' files are kept, one folder a data set."""


@dataclass(frozen=True)
class Fetch:
    """Download a data set from its publisher and prepare it."""

    dataset: tyro.conf.Positional[str]
    """The data set, as in `list`."""
    data_dir: Path = DATA_DIR
    """Data folder to write to; the publisher's files are kept in its folder original/."""
    accept_licence: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Accept the licence without being asked."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace the prepared file if it exists."""

    def run(self, catalogue: Mapping[str, Entry]) -> None:
        """Do it."""
        found = entry(self.dataset, catalogue)
        if not found.downloads:
            raise BadInput(
                f"{found.name} is not downloaded: no checksum of its publisher's files is known here. Get them from"
                f" {found.page} ({found.get}), then: python -m simulation.data prepare {found.name} --from PATH, where"
                f" PATH holds {found.wants}"
            )
        kept(found, self.data_dir, self.overwrite)
        consent(found, self.accept_licence)
        folder = self.data_dir / ORIGINAL / found.name
        try:
            with made(folder):
                room(folder, found)
                for download in found.downloads:
                    print(f"{download.url} ({download.bytes / 1e6:,.1f} MB)")
                    fetch(download, folder)
        except OSError as error:
            raise trouble(f"--data-dir {self.data_dir}", error) from None
        make(found, folder, self.data_dir)


def consent(found: Entry, accepted: bool) -> None:
    """Show the licence; where it binds, go on only with consent, given by the flag or at the terminal.

    Raises:
        BadInput: It was not given.
    """
    terms = f"licence: {licence(found)}"
    if not found.binds:
        print(terms)
        return
    terms += f"; it binds you: {found.binds} ({found.page})"
    if accepted:
        print(f"{terms}. Accepted by --accept-licence")
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput(f"{found.name}: {terms}. Accept it with --accept-licence; nothing was downloaded")
    print(f"{terms}\nDo you accept it? [yes/no] ", end="", flush=True)
    try:
        answer = input()
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise BadInput(f"the licence of {found.name} was not accepted; nothing was downloaded")


def room(folder: Path, found: Entry) -> None:
    """Refuse to begin where the files cannot fit.

    Raises:
        BadInput: The disk has less room than the downloads still need.
    """
    done = (folder / (download.name + suffix) for download in found.downloads for suffix in ("", ".part"))
    needed = sum(download.bytes for download in found.downloads) - sum(p.stat().st_size for p in done if p.is_file())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BadInput(
            f"no room: {folder} has {free / 1e6:,.1f} MB free and the download of {found.name} needs"
            f" {needed / 1e6:,.1f} MB; free some, or name another folder with --data-dir"
        )


def fetch(download: Download, folder: Path) -> Path:
    """Return the file in ``folder``, downloaded unless it is there with the right checksum.

    Raises:
        BadInput: It cannot be reached, was cut, or is another file than the known one.
    """
    pooch.get_logger().setLevel("WARNING")
    with Progress(transient=True, disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task(download.name, total=download.bytes)
        downloader = Resuming(
            folder / f"{download.name}.part", download, lambda have: progress.update(bar, completed=have)
        )
        # pooch keeps what is there and right, checks what comes, and puts it in place only then
        path = pooch.retrieve(
            download.url, f"sha256:{download.sha256}", fname=download.name, path=folder, downloader=downloader
        )
    return Path(path)
