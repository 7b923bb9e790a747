"""A BERT-like model as transformers reads it, and texts for it in batches."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from metafed.core.errors import DataError
from metafed.data.encoder.weights import REMEDY, Weights

if TYPE_CHECKING:
    import torch

BATCH = 8
"""Texts that are encoded at a time."""
LOCAL = {"local_files_only": True, "trust_remote_code": False}


def model(weights: Weights, **how: Any) -> Any:
    """Return the model of an encoder's folder, without dropout; its weights are mapped from the file, not copied.

    Args:
        weights: The encoder.
        how: What transformers is to make otherwise than its ``config.json`` says.

    Raises:
        DataError: transformers is not installed, or cannot read the weights.
    """
    try:
        from transformers import AutoModel
        from transformers import logging as their_logging
    except ImportError:
        raise DataError(f"a sentence encoder needs the package transformers: {REMEDY}") from None
    for quiet in ("set_verbosity_error", "disable_progress_bar"):  # neither has types
        getattr(their_logging, quiet)()
    try:
        made, about = AutoModel.from_pretrained(weights.folder, output_loading_info=True, **LOCAL, **how)
    except Exception as error:  # it raises whatever its parts do
        raise _unreadable(weights, error) from None
    # transformers draws at random what the file lacks; the pooler is not used
    lacking = [str(name) for name in about["missing_keys"] if not str(name).startswith("pooler.")]
    lacking += [str(name) for name in about["mismatched_keys"]]
    if lacking:
        raise DataError(
            f"{weights.folder}: the weights do not fit config.json: {', '.join(sorted(lacking)[:3])} is missing"
        )
    return made.eval()


@lru_cache(maxsize=2)
def _tokenizer(weights: Weights) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise DataError(f"a sentence encoder needs the package transformers: {REMEDY}") from None
    try:
        return AutoTokenizer.from_pretrained(weights.folder, **LOCAL)
    except Exception as error:
        raise _unreadable(weights, error) from None


def _unreadable(weights: Weights, error: Exception) -> DataError:
    return DataError(f"{weights.folder} cannot be read by transformers: {type(error).__name__}: {error}")


def tokens(weights: Weights, texts: Sequence[str], longest: int) -> list[list[int]]:
    """Return the ids of texts, of each the first ``longest`` at most."""
    found: list[list[int]] = _tokenizer(weights)(list(texts), truncation=True, max_length=longest)["input_ids"]
    return found


def batches(rows: Sequence[Sequence[int]]) -> "Iterator[tuple[list[int], torch.Tensor]]":
    """Yield the numbers of ``BATCH`` texts of one length, filled up by copies, and their ids ``(BATCH, length)``."""
    import torch

    by_length: dict[int, list[int]] = {}
    for number, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(number)
    for numbers in by_length.values():
        for start in range(0, len(numbers), BATCH):
            full = (numbers[start : start + BATCH] * BATCH)[:BATCH]
            yield full, torch.tensor([rows[number] for number in full])
