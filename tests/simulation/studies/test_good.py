"""What is no good is said first, and of a method that is good nothing of the kind is said."""

import json

import polars as pl
import pytest

from metafed.fairness.good import noisy_labels, of_run
from metafed.fairness.harmed import RULE
from metafed.fairness.summary import summarize
from simulation.analysis.compared import compared
from simulation.cli.tables import footnotes
from simulation.records.folders import read_methods, with_references
from simulation.report.comparison import several
from simulation.report.facts import tiles
from simulation.runs.summary import study_summary
from tests.simulation.studies.records import record, study


def summary_of(folder, **more):
    return {**summarize(pl.read_parquet(folder / "clients.parquet"), 0), **more}


def lowered(folder):
    """Let avatars end two below where they did, and return the folder."""
    rows = pl.read_parquet(folder / "clients.parquet")
    low = (pl.col("family") == "avatar") & (pl.col("step") == 1)
    fallen = pl.when(low).then(pl.col("score") - 2).otherwise(pl.col("score"))
    rows.with_columns(fallen.alias("score")).write_parquet(folder / "clients.parquet")
    return folder


def beaten_by(folder, score):
    """Leave a simple reference beside a run, which reaches the same score for each client."""
    clients = pl.read_parquet(folder / "clients.parquet")["client"].unique().sort().to_list()
    rows = {"client": clients, "reference": ["constant"] * len(clients), "loss": [0.0] * len(clients)}
    pl.DataFrame({**rows, "score": [score] * len(clients)}).write_parquet(folder / "references.parquet")


def test_the_first_tile_of_a_run_is_what_is_no_good(tmp_path):
    good = summary_of(record(tmp_path / "good"))
    assert of_run(good) == []
    assert tiles(good)[0]["name"] == "Score of unseen clients"
    low = summary_of(lowered(record(tmp_path / "low")))
    first = tiles(low)[0]
    assert (first["name"], first["value"]) == ("Served badly", "1 of 2")
    assert "below the 0 of a constant" in first["range"]
    assert "−" in first["range"]
    grew = {**good, "growing": {"avatar": {"least": 0.5, "last": 700.0}}}
    assert tiles(grew)[0] == {
        "name": "Loss grew",
        "value": "1 of 2",
        "range": "The loss of avatar grew in training, from 0.500 to 700.",
    }


def entry(low, value, clients=9):
    found = {"method": 0.5, "reference": 0.5 - value, "difference": {"value": value, "low": low, "high": 1.0}}
    return {**found, "clients": clients}


def test_references_that_are_not_beaten_come_before_a_gain(tmp_path):
    summary = summary_of(record(tmp_path / "run"))

    def beside(**entries):
        return {**summary, "references": {"unseen": {name: {"all": own} for name, own in entries.items()}}}

    assert of_run(beside(constant=entry(0.01, 0.1))) == []
    assert of_run(beside(constant=entry(None, 0.1))) == []  # without an interval the value counts
    assert of_run(beside(constant=entry(-0.1, -0.05, clients=0))) == []
    (bad,) = of_run(beside(constant=entry(0.01, 0.1), nearest=entry(-0.1, 0.05), pooled=entry(-0.3, -0.2)))
    assert bad == ("Simple references not beaten", "2 of 3", "pooled reaches 0.700, the method 0.500")


def test_a_study_says_it_in_every_output(tmp_path):
    folder = study(tmp_path / "study", 5, references=[("local", 0.2)])
    for seed in range(5):
        beaten_by(lowered(folder / f"seed-{seed}"), 0.9)
    methods = with_references(read_methods([folder]))
    says = "MAML: No good: unseen clients of avatar score"
    found, whole, page = compared(methods), study_summary(read_methods([folder])[0]), several([folder])
    for remarks in (found["remarks"], whole["remarks"], page["sentences"]):
        assert says in " ".join(remarks)
        assert "local: No good" not in " ".join(remarks)
    assert page["tiles"][0]["range"].startswith("MAML: No good: unseen clients")
    assert page["tiles"][1]["name"] == "Simple references not beaten: MAML"
    assert page["simple"]["MAML"] == whole["simple_references"]["unseen"]  # one number, one value
    good = several([study(tmp_path / "good", 5)])
    assert good["tiles"] == []
    assert "good" not in " ".join(good["sentences"])


def test_who_is_alone_and_what_is_harm_are_said_wherever_they_are_shown(tmp_path):
    folder = study(tmp_path / "study", 5, references=[("local", 0.2)])
    own = read_methods([folder])
    alone = "Alone: the reference local, inner-steps = 5, evaluated after 1 step, on the same clients."
    for remarks in (
        compared(with_references(own))["remarks"],
        study_summary(own[0])["remarks"],
        several([folder])["remarks"],
    ):
        assert {alone, RULE} <= set(remarks)
    assert alone not in compared(read_methods([study(tmp_path / "other", 5)]))["remarks"]
    assert RULE in " ".join(footnotes(summary_of(folder / "seed-0")))


@pytest.mark.parametrize(
    ("bias", "noisy"),
    [(None, False), ("poor:0.5:rows=0.5", False), ("bad:0.5:labels=0.5", True), ("bad:0.5:labels=0.5:of=rows", True)],
)
def test_noisy_labels_are_named_as_such(bias, noisy, tmp_path):
    assert bool(noisy_labels({"inject_bias": bias})) == noisy
    folder = record(tmp_path / "run", inject_bias=bias)
    says = " ".join(compared(read_methods([folder]))["remarks"])
    assert ("Evaluated on noisy labels" in says) == noisy
    manifest = json.loads((folder / "manifest.json").read_text())
    assert noisy_labels(manifest["experiment"]) == noisy_labels({"inject_bias": bias})
