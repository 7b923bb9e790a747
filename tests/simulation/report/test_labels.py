"""The report of a run shows what its partition gave whom."""

import numpy as np

import metafed as mf
from simulation import simulate
from simulation.records.runs import read_run
from simulation.report.figures.base import one_run
from simulation.report.figures.labels import labels
from tests.metafed.fairness.hand_made import make


def test_labels_that_a_partition_dealt_are_drawn_with_their_numbers(tmp_path):
    x, y = np.arange(480.0).reshape(-1, 2) % 7, np.arange(240) % 3
    family = mf.Family.from_arrays("toys", (x, y), partition=mf.Dirichlet(clients=6, alpha=0.5))
    run = simulate(mf.Experiment(families=[family], clients=6, rounds=1), out=tmp_path / "run", progress=False)
    read = read_run(run.folder)
    (dealt,) = (data["label_rows"] for data in read.manifest["data"].values())
    assert np.sum(list(dealt["rows"].values()), 0).tolist() == [80, 80, 80]
    figure = labels(one_run(read))
    assert [(client, label, rows) for _, client, label, rows in figure.rows] == [
        (client, label, rows)
        for client, own in dealt["rows"].items()
        for label, rows in zip(dealt["labels"], own, strict=True)
        if rows
    ]
    page = run.report(tmp_path / "report.html").read_text()
    client, own = next(iter(dealt["rows"].items()))
    listed = ", ".join(f"{label}: {rows}" for label, rows in zip(dealt["labels"], own, strict=True) if rows)
    assert f"client {client}: {listed}" in page
    assert figure.finding in page


def test_a_run_without_a_partition_has_no_such_figure(tmp_path):
    run = read_run(make(tmp_path / "hand-made"))
    run.manifest["data"] = {"assistant:generated": {"files": {}, "notes": []}}
    assert labels(one_run(run)) is None
