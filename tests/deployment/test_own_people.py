"""Real SuperNodes, each of which has a folder with the rows of its own people, and a server with no table at all."""

from bisect import bisect_left

import numpy as np
import pytest
from safetensors.numpy import load_file

from metafed.data.table import source as own
from metafed.data.table.numbering import Numbering
from metafed.experiment.settings import Experiment
from tests.integration.pool import run
from tests.metafed.data.table.own import STATED, deal, describe, rows
from tests.metafed.data.table.test_own_people import NODES, hosted, node
from tests.simulation.command.running import clients, command, manifest, rounds

HELD = [["p007", "p001", "p010", "p004"], ["p002", "p011", "p000", "p005"], ["p003", "p008", "p006", "p009"]]


@pytest.mark.slow
def test_nodes_with_their_own_people_compute_what_one_host_with_everybody_does(tmp_path, monkeypatch):
    (tmp_path / "server").mkdir()
    # rows that do not count alike, so that the sums that nodes send are of weighted losses
    stated, table = f'weight = "w"\n{STATED}', [{**row, "w": 1 + place % 3} for place, row in enumerate(rows(12))]
    path = describe(tmp_path / "server", stated)
    folders = deal(tmp_path, stated, table, HELD)
    out = tmp_path / "run"
    settings = {"tasks": f"people:{path}", "clients": 12, "unseen": 0.25, "cohort": 6, "rounds": 2, "eval_every": 1}
    words = [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", value)]
    done = command(
        *words, "--node-data", ",".join(map(str, folders)), "--out", out, module="simulation.deploy", timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line["failed"] for line in rounds(out)] == [[], [], []]
    assert manifest(out)["own_people"] == [0, 1, 2]
    experiment = Experiment(kernels="torch", **settings)
    # who is who, by the nodes' own files
    person_of, numbers = {}, hosted(experiment)
    for number, folder in enumerate(folders):
        there = node(experiment, folder, number).sources[0]
        person_of |= {client: there.called(client) for client in numbers[number]}
    found = clients(out)
    assert set(found["client"]) == set(range(12))
    for client, name in person_of.items():
        mine = [row for row in table if row["person"] == name]
        assert name in HELD[client % NODES]
        reported = found.filter(found["client"] == client)
        assert set(reported["group"]) == {mine[0]["headset"]}
        assert set(reported["n"]) == {len(mine)}
    # everybody in one file, in that order
    whole = tmp_path / "whole"
    whole.mkdir()
    everybody = experiment.model_copy(update={"tasks": f"people:{describe(whole, stated, table)}"})
    order = np.array([int(person_of[client][1:]) for client in range(12)])
    monkeypatch.setattr(
        own, "numbering", lambda origin, _: Numbering(range(12), order, bisect_left(range(12), origin.unseen_from))
    )
    theirs = load_file(out / "checkpoints" / "round-00000002.safetensors")
    for part, vector in run(everybody).items():
        np.testing.assert_allclose(theirs[part], vector, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_node_with_too_few_people_ends_the_run_with_its_reason(tmp_path):
    (tmp_path / "server").mkdir()
    path = describe(tmp_path / "server", STATED)
    folders = deal(tmp_path, STATED, rows(12), [HELD[0], HELD[1][:2]])
    words = ["--tasks", f"people:{path}", "--clients", 8, "--rounds", 1, "--out", tmp_path / "run"]
    words += ["--node-data", ",".join(map(str, folders))]
    done = command(*words, module="simulation.deploy", timeout=900)
    assert done.returncode == 1, done.stdout + done.stderr
    said = f"{folders[1]}/people.csv has 2 people with rows enough, but node 1 of 2 hosts 4 of the 8 clients"
    assert said in " ".join((tmp_path / "run" / "run.log").read_text().split())
