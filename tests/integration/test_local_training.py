"""Epochs of minibatches through hosts, files, engines and checkpoints."""

import json

import numpy as np
import polars as pl
import pytest

from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation.cli.flags import parse
from simulation.run import main
from tests.integration.pool import assert_workers_give_the_bits_of_one_process
from tests.integration.resume.running import bits, resume, start, stops_after

OWN = "tests.integration.own_modules"
LOCAL = {"epochs": 2, "batch_size": 10, "optimizer": "momentum", "clip": 1.0, "rows": "all"}
EVAL = {"epochs": 2, "batch_size": 8, "optimizer": "momentum"}
SMALL = {"clients": 5, "cohort": 3, "rounds": 4, "unseen": 0.25, "eval_every": 2, "local": LOCAL, "eval": EVAL}


def experiment(**changes):
    return Experiment.model_validate({"tasks": "avatar", "algorithm": "fedper", **SMALL, **changes})


def answered(own, nodes=1):
    """Return the sum of what all clients answer, dealt to so many nodes, and their scores after each epoch."""
    federation, total, scores = Federation(own), {}, {}
    for node in range(nodes):
        host, clients = Host(federation), list(range(node, own.clients, nodes))
        answer = host.train(federation.vectors, clients, 1, {})
        evaluated = host.evaluate(federation.vectors, clients, {})
        assert not answer.failures
        assert not evaluated.failures
        for part, vector in answer.contribution.directions.items():
            total[part] = total.get(part, 0) + vector
        scores |= {int(c): own.tolist() for r in evaluated.rows for c, own in zip(r.client, r.score, strict=True)}
    return total, scores


@pytest.mark.parametrize(
    "network",
    [
        pytest.param({"network": "mlp", "kernels": "native"}, marks=pytest.mark.compiler),
        {"network": "mlp", "kernels": "torch"},
        pytest.param(
            {"tasks": "blob-images", "network": "conv4", "filters": 4, "norm": "batch", "kernels": "native"},
            marks=pytest.mark.compiler,
        ),
        {"tasks": "blob-images", "network": "small-conv", "filters": 4, "norm": "group"},
        {"network": f"{OWN}:Gru", "local": {"steps": 2, "batch_size": 20}, "eval": {"batch_size": 8}, "eval_steps": 2},
        {"network": f"{OWN}:NormedMlp"},
    ],
    ids=["native mlp", "mlp", "native conv4", "small-conv", "a loop over clients", "vmap"],
)
def test_chunks_and_nodes_do_not_matter_with_any_network(network):
    own = experiment(precision="float64", **network)
    total, scores = answered(own)
    assert {len(each) for each in scores.values()} == {3}
    for other, nodes in ((own.model_copy(update={"chunk": 1}), 1), (own.model_copy(update={"chunk": 3}), 2)):
        again, same = answered(other, nodes)
        for part, vector in total.items():
            np.testing.assert_allclose(again[part], vector, rtol=1e-9, atol=1e-12)
        assert {c: pytest.approx(each, abs=1e-9) for c, each in scores.items()} == same


def test_a_killed_run_that_goes_on_has_the_same_bits(tmp_path):
    own = experiment(algorithm="ditto", width=8)
    start(own, tmp_path / "whole")
    start(own, tmp_path / "killed", stops_after(3))
    assert resume(own, tmp_path / "killed") == 2
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


def test_a_protocol_is_one_file(tmp_path):
    table = tmp_path / "games.csv"
    rng = np.random.default_rng(0)
    people = np.repeat(["ann", "bob", "cem", "dan", "eve", "fay"], [60, 12, 9, 40, 15, 8])
    data = {"user": people, "age": rng.normal(size=len(people)), "genre": rng.normal(size=len(people))}
    pl.DataFrame({**data, "stars": rng.normal(size=len(people))}).write_csv(table)
    (tmp_path / "games.toml").write_text(
        'client = "user"\ntarget = "stars"\nfeatures = ["age", "genre"]\nkind = "regression"\ndata = "games.csv"\n'
    )
    file = tmp_path / "protocol.toml"
    file.write_text(
        f'tasks = "games:{tmp_path}/games.toml"\nrounds = 2\nunseen = 0.3\nengine = "local"\nquiet = true\n'
        'algorithm = { name = "fedavg-ft", inner-lr = 0.01 }\n'
        '[local]\nepochs = 5\nbatch-size = 10\noptimizer = "momentum"\nmomentum = 0.9\nrows = "all"\n'
        "round-decay = 0.99\n[eval]\nepochs = 2\nbatch-size = 10\n"
    )
    out = tmp_path / "run"
    assert main(["--config", str(file), "--out", str(out)]) == 0
    found = json.loads((out / "manifest.json").read_text())["experiment"]
    assert (found["local"]["epochs"], found["local"]["optimizer"], found["eval"]["epochs"]) == (5, "momentum", 2)
    assert json.loads((out / "summary.json").read_text())["unit"] == "epoch"
    rows = pl.read_parquet(out / "clients.parquet")
    trained = rows.filter(phase="train")
    assert (trained["support"] + trained["query"] >= trained["n"] // 2).all()
    assert rows.filter(phase="evaluate")["step"].unique().sort().to_list() == [0, 1, 2]


def test_flags_win_over_a_file(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('algorithm = "fedavg"\n[local]\nepochs = 5\nbatch-size = 10\n')
    found = parse(["--config", str(file), "--local.batch-size", "20"]).experiment.local
    assert (found.epochs, found.batch_size) == (5, 20)


@pytest.mark.ray
def test_workers_give_the_bits_of_one_process(workers):
    local = {"epochs": 2, "batch_size": 4, "optimizer": "adamw"}
    own = experiment(algorithm="fedavg-ft", clients=9, cohort=6, rounds=2, chunk=2, local=local, eval={"epochs": 2})
    assert_workers_give_the_bits_of_one_process(own, workers)
