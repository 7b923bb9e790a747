"""PFLlib's network for images, as a module of one's own: ``--network benchmarks.pfllib:Cnn``.

Two convolutions of 5 × 5 with 32 and 64 filters, each pooled by 2 × 2, a dense layer of 512 units, and a linear head.

Ours: the ReLU comes after the pooling, with the same outputs. Pooling reads the channels of a pixel side by side, which
is faster on a CPU; ``vmap`` has no rule for it, so a loop over clients computes the network.

``python -m benchmarks.pfllib RUN…`` prints the accuracy of such runs by method and round, over all test images alike,
as PFLlib counts: the mean over the runs of a method, which are its partitions, with the least and the most. A second
table has the order of the methods after the last round that all have, and by how much each leads the next: the mean of
the differences in one partition, with a 95 % interval from five partitions on (Student's t).
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import TypeAlias

import numpy as np
import polars as pl
import torch
from torch import nn

from benchmarks.results import complain
from benchmarks.tables import show
from metafed.fairness.intervals import student_interval
from metafed.models import Inputs
from simulation.cli.errors import BadInput
from simulation.records.runs import read_manifest, read_parquet


class Cnn(nn.Module):
    """The network, for images of ``(channels, height, width)``."""

    def __init__(self, inputs: Inputs, outputs: int) -> None:
        super().__init__()
        channels, height, width = inputs.shape
        self.conv1, self.conv2 = nn.Conv2d(channels, 32, 5), nn.Conv2d(32, 64, 5)
        left = [((size - 4) // 2 - 4) // 2 for size in (height, width)]
        self.dense, self.head = nn.Linear(64 * left[0] * left[1], 512), nn.Linear(512, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits ``(N, outputs)`` of images ``(N, channels, height, width)``."""
        for layer in (self.conv1, self.conv2):
            found = layer(x).contiguous(memory_format=torch.channels_last)
            x = nn.functional.max_pool2d(found, 2).relu()
        return self.head(self.dense(x.flatten(1)).relu())  # type: ignore[no-any-return]


Curve: TypeAlias = Mapping[int, tuple[float, float]]
"""Accuracy before and after fine-tuning, by round."""
FEWEST = 5
"""Partitions from which on a mean of differences has an interval."""


def curve(clients: pl.DataFrame) -> Curve:
    """Return the accuracy over all test images before and after fine-tuning, by evaluated round."""
    people = clients.filter(pl.col("phase") == "evaluate").sort("step")
    ends = people.group_by("round", "client").agg(
        before=pl.col("score").first(), after=pl.col("score").last(), images=pl.col("query").first()
    )
    mean = [(pl.col(name) * pl.col("images")).sum() / pl.col("images").sum() for name in ("before", "after")]
    return {number: (before, after) for number, before, after in ends.group_by("round").agg(mean).sort("round").rows()}


def over(values: Iterable[float]) -> str:
    """Write the mean of accuracies in percent, and the least and the most where there are several."""
    found = [100 * value for value in values]
    mean = f"{sum(found) / len(found):.1f}"
    return mean if len(found) == 1 else f"{mean} ({min(found):.1f} to {max(found):.1f})"


def common(curves: Iterable[Curve]) -> list[int]:
    """Return the rounds that all have, in their order."""
    return sorted(set.intersection(*(set(each) for each in curves)))


def order(curves: Mapping[str, Mapping[int, Curve]], number: int) -> list[Sequence[str]]:
    """Return the methods by their mean after fine-tuning, and how far each leads the next in the same partitions."""
    after = {name: {part: 100 * each[number][1] for part, each in found.items()} for name, found in curves.items()}
    names = sorted(after, key=lambda name: -mean(after[name].values()))
    rows: list[Sequence[str]] = []
    for name, after_it in zip(names, (*names[1:], None), strict=True):
        lead = "", ""
        if after_it is not None and (both := sorted(after[name].keys() & after[after_it].keys())):
            apart = np.array([after[name][part] - after[after_it][part] for part in both])
            found = student_interval(apart)
            ends = f" [{found.low:+.1f}, {found.high:+.1f}]" if len(both) >= FEWEST and found.low is not None else ""
            lead = f"{apart.mean():+.1f}{ends}", f"{(apart > 0).sum()} of {len(both)}"
        rows.append((name, f"{mean(after[name].values()):.1f}", *lead))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pfllib", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    asked = parser.parse_args(argv)
    curves: dict[str, dict[int, Curve]] = {}
    try:
        for run in asked.runs:
            said = read_manifest(run / "manifest.json")["experiment"]
            own = curves.setdefault(said["algorithm"]["name"], {})
            own[said["seed"]] = curve(read_parquet(run / "clients.parquet"))
    except BadInput as error:
        return complain(error)
    rows = []
    for name, found in sorted(curves.items()):
        for number in common(found.values()):
            ends = zip(*(each[number] for each in found.values()), strict=True)
            rows.append([name, str(len(found)), str(number), *map(over, ends)])
    columns = ("method", "partitions", "round", "before fine-tuning", "after")
    show("Accuracy in percent, all test images alike", columns, rows, (), asked.markdown)
    if rounds := common([each for found in curves.values() for each in found.values()]):
        heads = ("method", "mean", "leads the next by, points", "in")
        show(f"Order after round {rounds[-1]}", heads, order(curves, rounds[-1]), (), asked.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
