"""A client's texts as rows for a network that adapts an encoder: what its frozen lower layers make of them, once."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
from cachetools import LRUCache

from metafed.core.episodes import Examples
from metafed.core.errors import DataError
from metafed.data.encoder.adapter import Adapter
from metafed.data.encoder.loading import batches, model, tokens
from metafed.data.encoder.vectors import vectors
from metafed.data.encoder.weights import Weights
from metafed.data.source import Source
from metafed.models import Inputs

KEPT = 2**28
"""Bytes of hidden states that stay in the memory of a process; the others are computed again."""


@final
class Reader:
    """What makes rows of texts.

    Args:
        weights: The encoder.
        adapter: What of it is trained.
    """

    def __init__(self, weights: Weights, adapter: Adapter) -> None:
        self.weights, self.adapter = weights, adapter
        self._states: LRUCache[bytes, np.ndarray] = LRUCache(KEPT, getsizeof=lambda states: states.nbytes + 200)

    @property
    def inputs(self) -> Inputs:
        """What a row is: a text's vector where only the head is trained, else the states of its tokens."""
        if self.adapter.kind == "none":
            return Inputs("features", (self.weights.width,))
        return Inputs("sequence", (self.adapter.tokens, self.weights.width + 1), masked=True)

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """Return flattened rows ``(n, size)`` of float32; padding comes first, and 1 ends the state of a token."""
        if self.adapter.kind == "none":
            return np.float32(np.sqrt(self.weights.width)) * vectors(self.weights).of(texts)
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        here = {key: self._states[key] for key in keys if key in self._states}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in here}
        new = dict(zip(missing, self._encode(list(missing.values())), strict=True))
        for key, states in new.items():
            if states.nbytes + 200 <= KEPT:
                self._states[key] = states
        found = np.zeros((len(texts), *self.inputs.shape), np.float32)
        for row, key in zip(found, keys, strict=True):
            own = here[key] if key in here else new[key]
            row[len(row) - len(own) :, :-1], row[len(row) - len(own) :, -1] = own, 1
        return found.reshape(len(texts), -1)

    @cached_property
    def _below(self) -> Callable[..., Any]:
        """What computes the states ``(n, length, width)`` of ids below the first part that is trained."""
        whole = model(self.weights)
        if self.adapter.kind == "prompt":
            return lambda ids: whole.embeddings.word_embeddings(ids)
        whole.encoder.layer = whole.encoder.layer[: self.adapter.frozen]
        return lambda ids: whole(input_ids=ids, attention_mask=ids.new_ones(ids.shape)).last_hidden_state

    def _encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        import torch

        found = [np.empty(0, np.float32)] * len(texts)
        with torch.inference_mode():
            for full, ids in batches(tokens(self.weights, texts, self.adapter.tokens) if texts else []):
                for number, states in zip(full, self._below(ids).float().numpy(), strict=True):
                    found[number] = states.copy()
        return found


@final
class Texts:
    """A source whose rows are texts as a reader makes them, in place of features.

    Args:
        source: Offers texts, and says all else.
        reader: Makes the reader when it is first needed.
        name: What the user calls the network, for messages.
    """

    columns = ()

    def __init__(self, source: Source, reader: Callable[[], Reader], name: str) -> None:
        self._source, self._made, self._name = source, reader, name

    def __getattr__(self, name: str) -> Any:
        """Return what the source has under this name."""
        return getattr(self._source, name)

    @cached_property
    def reader(self) -> Reader:
        """What makes the rows.

        Raises:
            DataError: There is no encoder, or it cannot have the adapter.
        """
        try:
            return self._made()
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self._name}: {error}") from None

    @property
    def inputs(self) -> Inputs:
        """What a row is."""
        return self.reader.inputs

    @property
    def features(self) -> int:
        """Numbers in a row."""
        return self.inputs.size

    @property
    def clients(self) -> int | None:
        """Those of the source, once the encoder is known to be there."""
        _ = self.reader
        return self._source.clients

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the source and of the encoder: with other weights the rows are others."""
        return (*self._source.files, *self.reader.weights.files)

    @property
    def encoder_sha256(self) -> str:
        """The encoder's hash."""
        return self.reader.weights.sha256

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source, and how much of a text is read."""
        adapter = self.reader.adapter
        read = "its encoder's tokens" if adapter.kind == "none" else f"{adapter.tokens} tokens at most"
        return (*self._source.notes, f"of a text {read} are read")

    def examples(self, client: int) -> Examples:
        """Return the client's rows with ``(n, features)`` of its texts as x."""
        return self._source.examples(client)._replace(x=self.reader.rows(self._source.texts(client)))
