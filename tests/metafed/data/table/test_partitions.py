"""A table without people is shared out to clients by its description, or by a keyword."""

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.core.errors import DataError
from simulation import simulate
from tests.metafed.data.table.own import describe, everyone, rows, source

FEATURES = ["age", "genre"]
KINDS = {
    "iid": "",
    "dirichlet": "alpha = 0.9\n",
    "equal-dirichlet": "alpha = 0.3\n",
    "shards": "",
    "classes-per-client": "classes = 3\n",
    "quantity": "alpha = 0.5\n",
}


def partitioned(folder, how, more="", target="stars", clients=10, top=""):
    text = f'data = "people.csv"\ntarget = "{target}"\nfeatures = ["age", "genre"]\n{top}'
    return describe(folder, f'{text}[partition]\nkind = "{how}"\nclients = {clients}\n{more}', rows(20), f"{how}.toml")


@pytest.mark.parametrize("how", KINDS)
def test_clients_are_numbered_and_the_runs_seed_does_not_decide_who_they_are(tmp_path, how):
    path = partitioned(tmp_path, how, KINDS[how])
    made = source(path, seed=4)
    assert made.clients == 10
    assert set(everyone(made)) == {str(number) for number in range(10)}
    assert any("artificial clients" in note and "seed 0" in note for note in made.notes)
    one, same = (everyone(source(path, seed)) for seed in (4, 5))
    assert all(np.array_equal(one[name].y, same[name].y) for name in one)
    other = everyone(source(partitioned(tmp_path, how, KINDS[how] + "seed = 1\n"), 4))
    assert any(not np.array_equal(one[name].y, other[name].y) for name in one)


def test_a_description_and_a_keyword_give_the_same_theta(tmp_path):
    path = partitioned(tmp_path, "dirichlet", "alpha = 0.9\nsmallest = 8\n")
    frame = pl.read_csv(tmp_path / "people.csv")
    how = mf.Dirichlet(clients=10, alpha=0.9, smallest=8)
    thetas = []
    for family in (
        mf.Family.from_file(path, "games"),
        mf.Family.from_frame("games", frame, target="stars", features=FEATURES, partition=how),
    ):
        experiment = mf.Experiment(families=[family], clients=8, rounds=1, width=4, eval_every=0)
        run = simulate(experiment, engine="local", progress=False)
        thetas.append({name: value.tobytes() for name, value in run.theta.items()})
    assert thetas[0] == thetas[1]


class TestTheGroup:
    def test_is_the_most_frequent_label_where_labels_are_skewed(self, tmp_path):
        made = source(partitioned(tmp_path, "classes-per-client", "classes = 3\n"))
        for own in everyone(made).values():
            counts = [(own.y == made._place[label]).sum() for label in made._place]
            assert counts[made._place[own.group]] == max(counts)
        assert "a client's group is its most frequent 'stars'" in made.notes

    def test_is_the_most_frequent_value_of_the_column_that_the_description_names(self, tmp_path):
        made = source(partitioned(tmp_path, "shards", top='group = "headset"\n'))
        assert {own.group for own in everyone(made).values()} <= {"tethered", "standalone"}
        assert "a client's group is its most frequent 'headset'" in made.notes

    def test_is_everybodys_where_they_are_not(self, tmp_path):
        assert {own.group for own in everyone(source(partitioned(tmp_path, "iid"))).values()} == {"all"}
        numbers = source(partitioned(tmp_path, "shards", target="minutes"))
        assert {own.group for own in everyone(numbers).values()} == {"all"}


@pytest.mark.parametrize(
    ("how", "more", "target", "problem"),
    [
        ("dirichlet", "alpha = 1\n", "minutes", "dirichlet goes by classes, but the target, 'minutes', is a number"),
        ("iid", "clients = 1000\n", "stars", r"people.csv: partition: .* 1,000 clients .* at most \d+ clients"),
        ("shards", "shards = 3\nalpha = 1\n", "stars", "partition: unknown key 'alpha'"),
        ("dirichlet", "alpah = 1\n", "stars", "'alpha' is missing; unknown key 'alpah'; did you mean 'alpha'"),
        ("dirichlet", "alpha = 0\n", "stars", "partition: alpha = 0: input should be greater than 0"),
        ("dirichlet", "alpha = nan\n", "stars", "partition: alpha = nan: input should be"),
        ("dirichlt", "", "stars", "partition: kind = 'dirichlt': one of iid, .*; did you mean 'dirichlet'"),
    ],
)
def test_a_bad_partition_is_one_message(tmp_path, how, more, target, problem):
    clients = 10
    if more.startswith("clients"):
        more, clients = "", 1000
    with pytest.raises(DataError, match=problem) as caught:
        _ = source(partitioned(tmp_path, how, more, target, clients)).clients
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("top", "problem"),
    [
        ('client = "person"\n', "not both"),
        ('block = "person"\n', "block needs clients of the data's own"),
    ],
)
def test_what_does_not_go_with_a_partition_is_refused(tmp_path, top, problem):
    with pytest.raises(DataError, match=problem):
        source(partitioned(tmp_path, "iid", top=top))


@pytest.mark.parametrize("how", ["shards", "anything"])
def test_one_word_is_answered_by_how_a_partition_is_written(how):
    frame = pl.DataFrame({"x": [1.0], "y": ["a"]})
    kind, name = ("shards", "Shards") if how == "shards" else ("dirichlet", "Dirichlet")
    with pytest.raises(DataError, match=rf"\[partition\] with kind = .{kind}. .* partition=mf\.{name}\(clients=…\)$"):
        mf.Family.from_frame("games", frame, target="y", features="x", partition=how, clients=3)
