"""Flower's, Ray's and Python's own chatter goes to ``run.log``."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final

CHATTERS = ("flwr", "ray", "py.warnings", "metafed")


@final
class _ToFile(logging.FileHandler):
    """Writes to a file for as long as that can be: on a full disk the record ends the run, with one message."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Print no traceback."""

    def close(self) -> None:
        """Close the file, with what of it there is room for."""
        with suppress(OSError):
            super().close()


@contextmanager
def into(path: Path) -> Iterator[logging.Logger]:
    """Send the chatter to the file at ``path`` while the block runs; yields our own logger.

    Raises:
        OSError: The file cannot be made.
    """
    import flwr.supercore  # noqa: F401  (it sets its logger up when it is imported, which must not be later)

    handler = _ToFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.captureWarnings(True)
    before = {}
    for name in CHATTERS:
        logger = logging.getLogger(name)
        before[name] = (logger.handlers[:], logger.propagate, logger.level)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    try:
        yield logging.getLogger("metafed")
    finally:
        for name, (handlers, propagate, level) in before.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        logging.captureWarnings(False)
        handler.close()
