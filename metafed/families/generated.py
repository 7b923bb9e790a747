"""What families made from the seed have in common: any number of clients, and no files."""

from abc import ABC

from metafed.data.source import Origin, Source


class Generator(Source, ABC):
    """Any number of clients, each made when asked for."""

    clients = None
    notes: tuple[str, ...] = ()
    files = ()

    def __init__(self, origin: Origin) -> None:
        self._seed = origin.seed
