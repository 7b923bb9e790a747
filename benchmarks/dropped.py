"""``python -m benchmarks.dropped experiments/studies/deadlines.toml``: who is dropped, and is it who is worse off?

Of the same kind of file as ``benchmarks.studies``, with ``--devices.tiers`` and ``--inject-bias``: each method's
invitations by group, the scores of the planted group beside those of all others, and the gap between them. A gap is
the mean over families of the difference of group means, in each seed; what a deadline does to it is its difference
from the first method's, seed by seed. ρ is Spearman's, of the share of its invitations that a seen client finished
and its score, within families. With the scores of the first method's runs in place of its own it says whether those
who are dropped would be worse off anyway; how much larger it is with its own is what being dropped does. Intervals
are Student's t over seeds.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.first_order import rank_correlation
from benchmarks.results import check_target, complain, write
from benchmarks.studies import Study, arguments, read_study, run
from benchmarks.tables import show
from metafed.fairness.intervals import Estimate, student_interval, without_interval
from metafed.fairness.panel import Panel
from metafed.fairness.replicates import FEWEST_SEEDS
from metafed.faults.injected_bias import REST
from simulation.cli.errors import BadInput

MEASURES = (
    "finished",
    "finished_others",
    "shortened",
    "dropped_rho",
    "dropped_rho_first",
    "dropped_rho_more",
    "seen_gap",
    "unseen_gap",
    "unseen",
    "unseen_others",
)
"""What is measured of a method in a seed: of the planted group, and of ``others``."""


def gap(people: Panel, named: np.ndarray) -> float:
    """Return the mean over families of the named clients' mean score minus that of the others of the family."""
    after = people.scores[:, -1]
    found = []
    for family in np.unique(people.family.astype(str)):
        own = people.family == family
        if (own & named).any() and (own & ~named).any():
            found.append(after[own & named].mean() - after[own & ~named].mean())
    if not found:
        raise BadInput("no family has clients of the planted group and others: run more clients")
    return float(np.mean(found))


def of_a_seed(folder: Path, first: Path) -> dict[str, float]:
    """Return ``MEASURES`` of one run, where ``first`` is that of the first method with the same seed."""
    import polars as pl

    from simulation.records.methods import read_method

    people = next(iter(read_method(folder).seeds.values())).people.usable
    named = people.group.astype(str) != REST
    halves = {"seen": people.seen, "unseen": ~people.seen}
    gaps = {f"{name}_gap": gap(people.where(own), named[own]) for name, own in halves.items()}
    rows = pl.read_parquet(folder / "participation.parquet", glob=False).filter(pl.col("asked") > 0)
    scores = pl.read_parquet(first / "participation.parquet", glob=False).select("client", "after")
    poor, others = (rows.filter(pl.col("group") != REST), rows.filter(pl.col("group") == REST))
    share = [each["finished"].sum() / max(1, each["asked"].sum()) for each in (poor, others)]
    after = people.scores[:, -1]
    rho, anyway = within(rows), within(rows.drop("after").join(scores, on="client"))
    return {
        "finished": share[0],
        "finished_others": share[1],
        "shortened": rows["shortened"].sum() / max(1, rows["asked"].sum()),
        "dropped_rho": rho,
        "dropped_rho_first": anyway,
        "dropped_rho_more": rho - anyway,
        **gaps,
        "unseen": float(after[named & ~people.seen].mean()),
        "unseen_others": float(after[~named & ~people.seen].mean()),
    }


def within(rows: "pl.DataFrame") -> float:  # type: ignore[name-defined]  # noqa: F821
    """Return Spearman's ρ of the share finished and the score, mean over families; 0 where all finished alike."""
    found = []
    for _, own in rows.group_by("family"):
        share, after = (own["finished"] / own["asked"]).to_numpy(), own["after"].to_numpy()
        fine = np.isfinite(after)
        found.append(rank_correlation(share[fine], after[fine]))
    return float(np.mean(found))


def estimated(values: Sequence[float]) -> Estimate:
    """Return the mean over seeds, with an interval from five seeds on."""
    numbers = np.array(values)
    if len(numbers) < FEWEST_SEEDS:
        return without_interval(float(numbers.mean()), len(numbers), f"fewer than {FEWEST_SEEDS} seeds")
    return student_interval(numbers)


def cell(estimate: Estimate, sign: str = "") -> str:
    """Write an estimate with its interval."""
    ends = "" if estimate.low is None else f" [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"
    return f"{estimate.value:{sign}.3f}{ends}"


def measured(study: Study, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Return each measure of each method, by seed."""
    found: dict[str, dict[str, list[float]]] = {}
    base = folder / next(iter(study.methods))
    for name, config in study.methods.items():
        seeds = [f"seed-{config.experiment.seed + index}" for index in range(config.seeds or 1)]
        each = [of_a_seed(folder / name / seed, base / seed) for seed in seeds]
        found[name] = {measure: [one[measure] for one in each] for measure in MEASURES}
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    asked, more = arguments("dropped", __doc__).parse_known_args(sys.argv[1:] if argv is None else list(argv))
    folder = asked.out or Path("runs") / f"study-{asked.file.stem}"
    try:
        check_target(asked.json)
        study = read_study(asked.file, more)
        for name, config in study.methods.items():
            if config.experiment.inject_bias is None or config.experiment.devices.tiers == "none":
                raise BadInput(f"{asked.file}: {name}: needs --inject-bias and --devices.tiers")
        diverged = run(study, folder)
        found = measured(study, folder)
    except BadInput as error:
        return complain(error)
    first = next(iter(found.values()))
    rows = []
    for name, values in found.items():
        cells = [
            cell(estimated(values[measure]), "+" if "gap" in measure or "rho" in measure else "")
            for measure in MEASURES
        ]
        changes = [
            cell(estimated(np.subtract(values[measure], first[measure]).tolist()), "+") if values is not first else ""
            for measure in ("seen_gap", "unseen_gap", "unseen", "unseen_others")
        ]
        rows.append([name, *cells, *changes])
    names = ("method", "finished, planted", "finished, others", "shortened", "ρ(share finished, score)")
    names += ("ρ with the first method's score", "more by")
    names += ("gap, seen", "gap, unseen", "score, planted", "score, others")
    names += ("change of gap, seen", "change of gap, unseen", "change, planted", "change, others")
    notes = ("Gaps: planted group minus others, within families. Scores and their changes: unseen clients.", *diverged)
    show(asked.file.stem, names, rows, notes, asked.markdown)
    if asked.json is not None:
        write(asked.json, "dropped", {"file": str(asked.file), "more": more}, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
