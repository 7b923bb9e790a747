"""``python -m benchmarks.sooner experiments/studies/NAME.toml --scores 0.6,0.7``: rounds until a mean score is reached.

Of the same kind of file as ``benchmarks.studies``, whose runs it makes where they are not there yet. A method has
reached a score in the first evaluated round in which the mean of unseen clients after adaptation is at least that; so
``--eval-every`` in the file says how exactly rounds are known. Each method is compared with the first, seed by seed:
how many times as many rounds the first needs, as a geometric mean over seeds, with Student's t interval of the
logarithms and the exact sign-flip test. A seed in which a method does not reach the score counts as one evaluation
after its last round. So a ratio is a bound where a method did not always reach the score: from below where that is the
first one, and from above where it is the other; where it is both in one seed, or once each, there is no ratio.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.results import check_target, complain, write
from benchmarks.studies import arguments, read_study, run
from benchmarks.tables import show
from metafed.fairness.intervals import Estimate, student_interval
from metafed.fairness.significance import sign_flip
from simulation.cli.errors import BadInput
from simulation.records.methods import read_method
from simulation.records.runs import read_parquet


class Reached(NamedTuple):
    """When one run reached a score.

    Attributes:
        round: The first evaluated round that did; one evaluation after the last where none did.
        ever: Whether one did.
    """

    round: int
    ever: bool


def reached(clients: pl.DataFrame, score: float) -> Reached:
    """Return when the mean of unseen clients, each after its last inner step, first was ``score``.

    Raises:
        BadInput: The run was evaluated once at most, or held nobody out.
    """
    people = clients.filter((pl.col("phase") == "evaluate") & ~pl.col("seen") & (pl.col("round") > 0))
    last = people.group_by("round", "client").agg(pl.col("score").sort_by("step").last())
    curve = last.group_by("round").agg(pl.col("score").mean()).sort("round")
    rounds = curve["round"].to_list()
    if len(rounds) < 2:
        raise BadInput("rounds to a score need unseen clients and several evaluations: --unseen and --eval-every")
    good = curve.filter(pl.col("score") >= score)["round"]
    return Reached(good[0], True) if len(good) else Reached(2 * rounds[-1] - rounds[-2], False)


def ratio(first: Sequence[Reached], other: Sequence[Reached]) -> tuple[Estimate, float | None, str] | None:
    """Return how many times as many rounds the first needs: estimate, p-value, and which bound it is, if one.

    None where both fail in one seed, or the bounds are of both kinds.
    """
    below = [one.ever < two.ever for one, two in zip(first, other, strict=True)]
    above = [one.ever > two.ever for one, two in zip(first, other, strict=True)]
    neither = [not (one.ever or two.ever) for one, two in zip(first, other, strict=True)]
    if any(neither) or (any(below) and any(above)):
        return None
    logarithms = np.log([one.round / two.round for one, two in zip(first, other, strict=True)])
    found = student_interval(logarithms)
    ends = (None if end is None else float(np.exp(end)) for end in (found.low, found.high))
    value, (low, high) = float(np.exp(logarithms.mean())), ends
    sign = "≥ " if any(below) else "≤ " if any(above) else ""
    return found._replace(value=value, low=low, high=high), sign_flip(logarithms), sign


def shown(found: tuple[Estimate, float | None, str] | None) -> str:
    """Write a ratio with its interval and p-value."""
    if found is None:
        return "–"
    own, p, sign = found
    ends = "" if own.low is None else f" [{own.low:.2f}, {own.high:.2f}]"
    return f"{sign}{own.value:.2f}{ends}" + ("" if p is None else f", p = {p:.3g}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    reader = arguments("sooner", __doc__)
    reader.add_argument("--scores", default="0.5,0.6,0.7", help="mean scores of unseen clients, with commas")
    asked, more = reader.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    folder = asked.out or Path("runs") / f"study-{asked.file.stem}"
    rows, figures = [], {}
    try:
        check_target(asked.json)
        try:
            scores = [float(word) for word in asked.scores.split(",")]
        except ValueError:
            raise BadInput(f"--scores {asked.scores}: numbers with commas are allowed, such as 0.6,0.7") from None
        study = read_study(asked.file, more)
        diverged = run(study, folder)
        methods = {name: read_method(folder / name, name).seeds for name in study.methods}
        seeds = sorted(set.intersection(*(set(own) for own in methods.values())))
        for score in scores:
            first: list[Reached] = []
            for name, own in methods.items():
                found = [reached(read_parquet(own[seed].run.folder / "clients.parquet"), score) for seed in seeds]
                first = first or found
                each = " ".join(str(one.round) if one.ever else "–" for one in found)
                compared = None if found is first else ratio(first, found)
                rows.append([f"{score:g}", name, each, "" if found is first else shown(compared)])
                figures[f"{name} {score:g}"] = [one._asdict() for one in found]
    except BadInput as error:
        return complain(error)
    notes = (
        f"unseen clients after adaptation; seeds {seeds}; –: not reached.",
        "times: rounds of the first method over those of this one, geometric mean over seeds, 95 % Student's t.",
        *diverged,
    )
    show(asked.file.stem, ["score", "method", "rounds", "times"], rows, notes, asked.markdown)
    if asked.json is not None:
        write(asked.json, "sooner", {"file": str(asked.file), "scores": scores, "more": more}, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
