"""``--references usual``: computed on the run's own evaluation, in its summary, and first in its report."""

import json

import numpy as np
import polars as pl
import pytest

from metafed.experiment.settings import Experiment
from metafed.fairness.panel import last_evaluation
from metafed.fairness.references import against, sentences
from metafed.references import REFERENCES
from metafed.references.pooled import SLOTS
from simulation.api.simulating import simulate
from simulation.cli.errors import BadInput
from simulation.cli.references import parse_references, simple_references
from tests.metafed.fairness.frames import client, frame
from tests.simulation.command.running import clients, command, run, sha

SMALL = ("--clients", 12, "--rounds", 1, "--width", 8, "--tasks", "personalization,assistant", "--engine", "local")

KINDS = {"assistant": "classification"}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return run(tmp_path_factory.mktemp("references") / "run", *SMALL, "--references", "usual", report=True)


def test_they_are_of_the_clients_of_the_run_and_change_nothing_else(usual, tmp_path):
    rows = pl.read_parquet(usual / "references.parquet")
    assert set(rows["reference"]) == set(REFERENCES)
    own = clients(usual).filter(phase="evaluate", round=1)
    assert set(rows.filter(reference="constant")["client"]) == set(own["client"])
    plain = run(tmp_path / "plain", *SMALL)
    assert sha(plain) == sha(usual)
    assert clients(plain).equals(clients(usual))


def test_summary_and_report_say_what_is_not_beaten_first(usual):
    summary = json.loads((usual / "summary.json").read_text())
    found = summary["references"]
    assert found["undefined"] == {"pooled": {"assistant": SLOTS}, "pooled-prior": {"assistant": SLOTS}}
    first = sentences(summary)[0]
    assert first.startswith(("Better than the method", "Not beaten beyond chance"))
    page = (usual / "report.html").read_text()
    assert page.index("the reference ") < page.index("before adaptation and")


def test_a_run_that_goes_on_keeps_them_and_the_other_seeds_have_their_own(usual, tmp_path):
    study = run(tmp_path / "study", *SMALL, "--references", "constant,nearest", "--seeds", 2)
    each = [pl.read_parquet(study / f"seed-{seed}" / "references.parquet") for seed in (0, 1)]
    assert set(each[0]["reference"]) == {"constant", "nearest"}
    first = pl.read_parquet(usual / "references.parquet").filter(pl.col("reference").is_in(["constant", "nearest"]))
    assert each[0].equals(first)
    assert not each[1].equals(first)
    summaries = [json.loads((study / f"seed-{seed}" / "summary.json").read_text()) for seed in (0, 1)]
    of_study = json.loads((study / "summary.json").read_text())
    for name in ("constant", "nearest"):
        values = [own["references"]["unseen"][name]["all"]["difference"]["value"] for own in summaries]
        assert of_study["simple_references"]["unseen"][name]["difference"]["value"] == pytest.approx(np.mean(values))
    # two seeds have no interval: nothing is beaten beyond chance
    for name in ("constant", "nearest"):
        assert any(f"Not beaten beyond chance: the reference {name} " in remark for remark in of_study["remarks"])


def test_from_python_the_same_keyword_gives_the_same_summary(usual):
    experiment = Experiment(clients=12, rounds=1, width=8, tasks="personalization,assistant")
    own = simulate(experiment, engine="local", progress=False, references="constant")
    found = json.loads((own.folder / "summary.json").read_text())["references"]
    wanted = json.loads((usual / "summary.json").read_text())["references"]
    assert found["unseen"]["constant"] == wanted["unseen"]["constant"]
    with pytest.raises(BadInput, match="sweep"):
        simulate(experiment, engine="local", progress=False, references="local")


def test_a_difference_is_paired_and_says_for_whom():
    rows = [client(n, [0.1, 0.5 + 0.001 * n], seen=False, group="a" if n < 20 else "b") for n in range(40)]
    people = last_evaluation(frame(*rows))[1]
    better = [0.7 if n < 20 else 0.2 for n in range(40)]
    table = pl.DataFrame({"client": list(range(40)), "reference": ["pooled"] * 40, "score": better})
    block = against(people, table, {}, KINDS)
    entry = block["unseen"]["pooled"]["all"]
    assert entry["difference"]["value"] == pytest.approx(np.mean([0.5 + 0.001 * n - better[n] for n in range(40)]))
    assert (entry["verdict"], entry["better"], block["seen"]) == ("open", 0.5, None)
    assert block["unseen"]["pooled"]["by_family"]["assistant"] == entry
    written = sentences({"references": {**block, "undefined": {}}})
    assert "pooled reaches 0.450 where the method has 0.520 on the same 40 unseen clients" in written[0]
    ahead = against(people, table.with_columns(score=pl.lit(0.9)), {}, KINDS)["unseen"]["pooled"]["all"]
    behind = against(people, table.with_columns(score=pl.lit(0.1)), {}, KINDS)["unseen"]["pooled"]["all"]
    assert (ahead["verdict"], behind["verdict"]) == ("better", "beaten")


def test_a_reference_that_is_better_is_named_first():
    people = last_evaluation(frame(*(client(n, [0.1, 0.5 + 0.0015 * n], seen=False) for n in range(40))))[1]
    table = pl.concat(
        pl.DataFrame({"client": list(range(40)), "reference": [name] * 40, "score": [score] * 40})
        for name, score in (("constant", 0.1), ("nearest", 0.53), ("pooled", 0.9))
    )
    written = sentences({"references": against(people, table, {"pooled-prior": {"assistant": "why"}}, KINDS)})
    starts = ["Better than the method: the reference pooled", "Not beaten beyond chance: the reference nearest"]
    starts += ["Unseen clients score above the references", "Not there: pooled-prior in assistant: why."]
    assert [one.startswith(start) for one, start in zip(written, starts, strict=True)] == [True] * 4
    assert "it serves 40 of them better" in written[0]


def test_a_client_without_a_score_of_either_is_in_no_pair():
    people = last_evaluation(frame(*(client(n, [0.1, 0.5], seen=False) for n in range(3))))[1]
    table = pl.DataFrame({"client": [0, 1], "reference": ["constant"] * 2, "score": [0.4, None]})
    assert against(people, table, {}, KINDS)["unseen"]["constant"]["all"]["clients"] == 1


def test_words_for_several_and_what_still_starts_runs():
    assert simple_references("usual") == tuple(REFERENCES) == simple_references("all")
    assert list(parse_references("all")) == ["local", "global"]
    assert parse_references("usual") == parse_references("none") == {}
    assert simple_references("local,nearest") == ("nearest",)
    assert list(parse_references("local:inner-steps=20,nearest")) == ["local"]


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("usaul", ["usaul", "usual"]),
        ("none,local", ["none"]),
        ("usual,nearest", ["nearest", "twice"]),
        ("pooled:k=3", ["pooled", "settings"]),
    ],
)
def test_what_is_no_reference_is_refused(given, parts, tmp_path):
    done = command(*SMALL, "--references", given, "--out", tmp_path / "no")
    assert done.returncode == 2
    assert all(part in done.stderr for part in parts)
    assert done.stderr.count("\n") == 1
