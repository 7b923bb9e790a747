"""What is done where a chunk cannot be trained: too little memory halves it, any other fault isolates its clients."""

from collections.abc import Callable, Iterator
from typing import final

import torch

from client.memory import return_freed_memory
from metafed.messages.packing import Answer, Failure, Halved
from metafed.objectives import NOTHING

Work = Callable[[list[int]], Answer]
"""Does what is to be done for a chunk, a list of clients."""

ALLOCATION_FAILED = ("can't allocate memory", "ALLOC_FAILED")
"""What a RuntimeError says for want of memory: of PyTorch's allocator on a CPU, of cuBLAS and cuDNN."""


@final
class Isolation:
    """Does chunks' work such that every client that can be served is.

    A chunk that does not fit in memory is done in halves, down to single clients. The size that fitted is kept, by
    kind of work, so that only the first chunk is tried in vain. Where work fails otherwise every client of the chunk
    is served alone: the one at fault costs only itself. What a chunk is cut into moves nothing but the last bits of
    float64 sums.
    """

    def __init__(self) -> None:
        self._most: dict[str, int] = {}

    def __call__(
        self, kind: str, family: str, chunk: list[int], work: Work, most: int | None = None
    ) -> Iterator[Answer]:
        """Yield the answers of the pieces of ``chunk``, in its order.

        Args:
            kind: Names what takes the same memory a client: the work and the family.
            family: The clients' family, for the record.
            chunk: The clients.
            work: What is to be done.
            most: Clients at a time at most, where whoever asks knows that more do not fit.
        """
        size = min(len(chunk), most or len(chunk), self._most.get(kind, len(chunk)))
        rest = chunk
        while rest:
            piece, rest = rest[:size], rest[size:]
            try:
                yield work(piece)
                continue
            except Exception as error:
                short, reason = out_of_memory(error), f"{type(error).__name__}: {error}"
            # the except clause is left, and with it the frames that hold the piece's tensors
            if short:
                return_freed_memory()
            if short and len(piece) > 1:
                size = self._most[kind] = (len(piece) + 1) // 2
                rest = piece + rest
            elif len(piece) == 1:
                alone = "does not fit in memory even alone: " if short else ""
                yield Answer(NOTHING, [], [Failure(piece[0], alone + reason)])
            else:
                for client in piece:
                    yield from self(kind, family, [client], work)
        if size < len(chunk):
            yield Answer(NOTHING, [], [], [Halved(family, len(chunk), size)])


def out_of_memory(error: Exception) -> bool:
    """Say whether the error means that memory does not suffice, on a GPU or on a CPU."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in ALLOCATION_FAILED)
