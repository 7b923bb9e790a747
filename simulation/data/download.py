"""One file over HTTP: goes on where a cut download ended, and hands over nothing but the known file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import final

import requests
import urllib3

from metafed.data.sets.catalogue import Download
from server.record.tables import sha256_of
from simulation.cli.errors import BadInput
from simulation.data.files import NO_ROOM

ATTEMPTS = 5
"""Requests for one file; another one is made only after the last one brought something."""
TIMEOUT = (20.0, 60.0)
"""Seconds until the server answers, and between two pieces."""
PIECE = 2**16


@final
class Resuming:
    """A downloader for ``pooch.retrieve``.

    What has come so far lies in ``part``. It stays there when the connection is cut, for the next call to go on
    from; it is removed when its checksum is wrong or the disk is full.

    Args:
        part: Where the file grows.
        wanted: What it must become.
        progress: Called with how many bytes have come.
    """

    def __init__(self, part: Path, wanted: Download, progress: Callable[[int], None] = lambda have: None) -> None:
        self._part, self._wanted, self._progress = part, wanted, progress

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download ``url`` to ``output_file``.

        Raises:
            BadInput: It cannot be reached, was cut, or is another file than the known one.
            OSError: The file cannot be written.
        """
        wanted = self._wanted
        for _ in range(ATTEMPTS):
            before = self._have()
            try:
                if before < wanted.bytes:
                    self._receive(url, before)
                reason = "the connection was closed"
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                reason = explain(error)
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._part.unlink(missing_ok=True)
                raise
            if self._have() >= wanted.bytes or self._have() <= before:
                break
        have = self._have()
        if have == 0:
            raise BadInput(
                f"{url} cannot be downloaded: {reason}. If it can be had in another way, use prepare --from PATH"
            )
        if have < wanted.bytes:
            raise BadInput(
                f"{url}: cut after {have:,} of {wanted.bytes:,} bytes ({reason}); the same command goes on from there"
            )
        found = sha256_of(self._part)
        if found != wanted.sha256:
            self._part.unlink()
            raise BadInput(
                f"{url} is not the known file: SHA-256 {found}, expected {wanted.sha256}; what came was removed"
            )
        os.replace(self._part, output_file)

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    def _receive(self, url: str, have: int) -> None:
        """Append what the server sends; at most one byte more than the file has."""
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as reply:
            partial = reply.status_code == requests.codes.partial
            elsewhere = partial and not reply.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if have and (elsewhere or reply.status_code == requests.codes.range_not_satisfiable):
                self._part.unlink()
                self._receive(url, 0)
                return
            reply.raise_for_status()
            left = self._wanted.bytes - (have if partial else 0)
            with self._part.open("ab" if partial else "wb") as file:
                # not iter_content, which waits for whole pieces and drops the last one when the connection is cut
                while piece := reply.raw.read1(PIECE, decode_content=False):
                    file.write(piece[: left + 1])
                    left -= len(piece)
                    self._progress(self._wanted.bytes - left)
                    if left < 0:
                        return


def explain(error: Exception) -> str:
    """Say in one line why a request failed."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection was closed"
    inner: object = error.args[0] if error.args else error
    return " ".join(str(getattr(inner, "reason", inner)).split()) or type(error).__name__
