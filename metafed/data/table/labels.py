"""The picture of labels a client, in a few lines of text: what a partition made of a table."""

from collections.abc import Mapping, Sequence

import numpy as np

CLIENTS, LABELS = 20, 6
"""Clients, and labels of each, that are listed."""


def label_table(counts: Mapping[int, np.ndarray], labels: Sequence[object]) -> list[str]:
    """Return a heading and a line a client: its name, its rows, its labels with their rows, the most frequent first.

    Args:
        counts: By client, rows of each label ``(classes,)``.
        labels: What the labels are called.
    """
    shown = sorted(counts)[:CLIENTS]
    width = max(len("client"), *(len(f"{client}") for client in shown))
    lines = [f"{'client':>{width}}  {'rows':>7}  labels"]
    lines += [f"{client:>{width}}  {counts[client].sum():>7,}  {_listed(counts[client], labels)}" for client in shown]
    return lines + ([f"and {len(counts) - CLIENTS:,} more clients"] if len(counts) > CLIENTS else [])


def _listed(counts: np.ndarray, labels: Sequence[object]) -> str:
    order = [place for place in np.argsort(-counts, kind="stable") if counts[place]]
    more = f" and {len(order) - LABELS} more" if len(order) > LABELS else ""
    return ", ".join(f"{labels[place]}: {counts[place]:,}" for place in order[:LABELS]) + more
