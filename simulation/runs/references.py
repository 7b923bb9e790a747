"""The simple references of a run: computed once after its last round, and kept beside its clients' rows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from metafed.fairness.panel import last_evaluation
from metafed.fairness.references import against
from metafed.federation.federation import Federation
from server.files import draft, write_json
from simulation.analysis.references import FILE
from simulation.records.runs import kinds, parquet, read_object

ABOUT = "references.json"
"""Why references are missing."""


def compute(folder: Path, federation: Federation, names: Sequence[str], tell: Callable[[str], None]) -> None:
    """Compute references of the clients that a run evaluates, and write a row a client and reference.

    They depend on the clients alone, not on θ: what is there already stays.
    """
    if (folder / ABOUT).is_file():
        return
    from metafed.references.evaluating import columns, evaluated

    tell(f"references: {', '.join(names)}")
    found = evaluated(federation, names)
    schema = {"client": pl.Int64, "reference": pl.String, "loss": pl.Float64, "score": pl.Float64}
    with draft(folder / FILE) as beside:
        pl.DataFrame(columns(found), schema=schema).with_columns(pl.col("score").fill_nan(None)).write_parquet(beside)
    write_json(folder / ABOUT, {"undefined": found.undefined, "unread": found.unread})


def summarize(folder: Path) -> None:
    """Add the comparison with the references to ``summary.json``, where there are both."""
    if not all((folder / name).is_file() for name in (FILE, ABOUT, "clients.parquet", "summary.json")):
        return
    about, summary = read_object(folder / ABOUT), read_object(folder / "summary.json")
    _, people = last_evaluation(parquet(folder / "clients.parquet"))
    of_families = kinds(read_object(folder / "manifest.json"))
    block = against(people, parquet(folder / FILE), about["undefined"], of_families)
    write_json(folder / "summary.json", {**summary, "references": {**block, "unread": about["unread"]}})
