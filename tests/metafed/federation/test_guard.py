"""The guard finds what is planted, and says nothing of what is sound."""

import json

import numpy as np
import pytest

from metafed.core.episodes import Examples, Rows
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from metafed.federation.guard.inspect import SAMPLE, Client, inspect, sample
from metafed.federation.guard.rows import rules
from metafed.federation.preflight import preflight
from simulation.run import main
from tests.metafed.data.table.own import PLAIN, describe, rows

COLUMNS = (("age", 1), ("minutes", 1), ("genre", 3))


def clients(count=10, size=40, seed=0, kind="classification"):
    """Return sound clients: two numbers, a category of three, and a target that depends on all, with noise."""
    made = []
    for number in range(count):
        rng = stream(seed, "tests/guard", number)
        x = np.concatenate([rng.standard_normal((size, 2)), np.eye(3)[rng.integers(0, 3, size)]], 1).astype(np.float32)
        signal = x @ [1, -1, 0.5, 0, -0.5] + rng.standard_normal(size)
        y = (signal > 0).astype(np.int64) if kind == "classification" else signal[:, None].astype(np.float32)
        own = Examples(x, y, "all", np.full(size, np.nan))
        order = rng.permutation(size)
        held = order[size // 2 :]
        made.append(
            Client(
                number, f"p{number}", number < count * 0.8, own, order[: size // 2], held, Rows(held[:10], held[10:])
            )
        )
    return made


def changed(client, **arrays):
    return client._replace(own=client.own._replace(**arrays))


def found(people, kind="classification", per_class=False):
    return {finding.rule: finding for finding in rules(people, COLUMNS, kind, per_class)}


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("seed", range(5))
def test_of_sound_clients_it_says_nothing(kind, seed):
    assert found(clients(seed=seed, kind=kind), kind) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(value):
    people = clients()
    x = people[3].own.x.copy()
    x[5, 1] = value
    people[3] = changed(people[3], x=x)
    finding = found(people)["not-finite"]
    assert finding.fatal
    for word in ("not finite, in minutes", "client 3 ('p3')"):
        assert word in finding.text


def test_a_person_under_two_names():
    people = clients()
    people[9] = people[9]._replace(own=people[2].own)
    finding = found(people)["same-person"]
    assert finding.fatal
    assert "client 9 ('p9'), who is unseen, has the same rows as client 2 ('p2'), who is seen" in finding.text


def test_rows_of_few_values_make_nobody_a_twin():
    people = clients()
    rng = stream(0, "tests/few")
    for number, client in enumerate(people):
        # twelve different rows in all, and everybody has most of them
        x = np.repeat(np.arange(12)[rng.integers(0, 12, 40)][:, None], 5, axis=1).astype(np.float32)
        people[number] = changed(client, x=x, y=(x[:, 0] > 5).astype(np.int64))
    assert "same-person" not in found(people)
    assert "shared-rows" in found(people)


def test_few_rows_in_common_by_chance_are_no_person():
    people = clients()
    rows_in_common = people[2].own.x[:7]
    short = people[9]._replace(own=Examples(rows_in_common, people[2].own.y[:7], "all", np.full(7, np.nan)))
    people[9] = short._replace(
        training=np.arange(3), evaluation=np.arange(3, 7), episode=Rows(np.arange(3, 5), np.arange(5, 7))
    )
    assert "same-person" not in found(people)


def test_evaluation_rows_that_were_trained_on_under_another_name_are_counted():
    people = clients()
    x, y = people[9].own.x.copy(), people[9].own.y.copy()
    copied = people[9].evaluation[:6]
    x[copied], y[copied] = people[2].own.x[people[2].training[:6]], people[2].own.y[people[2].training[:6]]
    x[copied[0]] = np.where(x[copied[0]] == 0, np.float32(-0.0), x[copied[0]])  # the same number
    people[9] = changed(people[9], x=x, y=y)
    finding = found(people)["shared-rows"]
    assert not finding.fatal
    assert (
        "of 200 evaluation rows 6 equal a training row of another client (6 of them of unseen clients), 0"
        in finding.text
    )


def test_rows_that_repeat_within_a_client_are_counted():
    people = clients()
    x, y = people[1].own.x.copy(), people[1].own.y.copy()
    x[people[1].evaluation[:5]], y[people[1].evaluation[:5]] = x[people[1].training[:5]], y[people[1].training[:5]]
    people[1] = changed(people[1], x=x, y=y)
    assert (
        "0 equal a training row of another client (0 of them of unseen clients), 5 one"
        in found(people)["shared-rows"].text
    )


def test_labels_without_support_and_clients_of_one_class():
    people = clients()
    y = people[4].own.y.copy()
    y[people[4].episode.support], y[people[4].episode.query] = 0, 1
    people[4] = changed(people[4], y=y)
    people[5] = changed(people[5], y=np.zeros_like(people[5].own.y))
    findings = found(people)
    assert findings["no-support"].text.endswith("lacks: client 4 ('p4')")
    assert findings["one-class"].text.endswith("predicts: client 5 ('p5')")


def test_the_same_time_on_both_sides_of_the_cut():
    def timed(client, first):
        time = np.empty(len(client.own.y))
        time[client.training], time[client.evaluation] = np.arange(20.0), first + np.arange(20.0)
        return changed(client, time=time)

    assert "same-time" not in found([timed(client, 20) for client in clients()])
    people = [timed(client, 19 if client.number == 4 else 20) for client in clients()]
    assert found(people)["same-time"].text.endswith("so no order: client 4 ('p4')")


def test_a_cut_class_by_class_is_looked_at_class_by_class():
    def timed(client, step):
        # every class is counted from 0, so that moments of the classes are the same numbers
        y, time = np.arange(40) % 2, np.empty(40)
        order = [np.flatnonzero(y == label)[: 14 + 2 * label] for label in (0, 1)]
        for rows_of in order:
            time[rows_of] = np.arange(len(rows_of)) // step
        own = client.own._replace(y=y, time=time)
        training, evaluation = (
            np.concatenate([np.split(part, [len(part) // 2])[side] for part in order]) for side in (0, 1)
        )
        return client._replace(own=own, training=training, evaluation=evaluation)

    assert "same-time" not in found([timed(client, 1) for client in clients()], per_class=True)
    assert "same-time" in found([timed(client, 3) for client in clients()], per_class=True)


class TestColumns:
    def with_column(self, people, column, make):
        """Return the clients with another column, made of their targets."""
        result = []
        for client in people:
            x = client.own.x.copy()
            x[:, column] = make(client.own.y, x)
            result.append(changed(client, x=x))
        return result

    def test_a_number_that_is_the_class(self):
        finding = found(self.with_column(clients(), 1, lambda y, x: 3 - 2 * y))["target"]
        assert finding.fatal
        assert "read off minutes" in finding.text

    def test_a_category_that_is_the_class(self):
        finding = found(self.with_column(clients(), slice(2, 5), lambda y, x: np.eye(3)[2 * y]))["target"]
        assert "read off genre" in finding.text

    def test_one_number_of_an_array_that_is_the_class(self):
        people = self.with_column(clients(), 1, lambda y, x: y)
        (finding,) = [f for f in rules(people, (("signal", 5),), "classification") if f.rule == "target"]
        assert "signal[1]" in finding.text

    def test_a_number_that_is_a_linear_function_of_the_target(self):
        finding = found(self.with_column(clients(kind="regression"), 0, lambda y, x: 2 - 0.1 * y[:, 0]), "regression")[
            "target"
        ]
        assert finding.fatal
        assert "read off age" in finding.text

    def test_a_good_feature_is_no_leak(self):
        people = self.with_column(clients(kind="regression"), 0, lambda y, x: y[:, 0] + 0.05 * x[:, 1])
        assert found(people, "regression") == {}

    def test_a_threshold_or_values_that_tell_the_class_are_a_line(self):
        finding = found(self.with_column(clients(), 0, lambda y, x: y + 0.9 * (np.abs(x[:, 0]) % 1)))["tells"]
        assert not finding.fatal
        assert "age alone predicts" in finding.text
        two_to_one = found(self.with_column(clients(), slice(2, 5), lambda y, x: np.eye(3)[y * (1 + (x[:, 0] > 0))]))
        assert "genre alone predicts" in two_to_one["tells"].text

    def test_what_is_constant_in_clients_is_not_taken_for_what_is_constant_in_classes(self):
        people = [changed(c, y=np.full_like(c.own.y, c.number == 0)) for c in clients()]
        people = [changed(c, x=np.full_like(c.own.x, c.number == 0)) for c in people]
        assert not {"target", "tells"} & set(found(people))

    def test_a_column_that_never_varies(self):
        finding = found(self.with_column(clients(), slice(2, 5), lambda y, x: [0, 1, 0]))["constant"]
        assert not finding.fatal
        assert "genre never varies" in finding.text

    def test_a_value_that_is_far_away(self):
        people = clients()
        x = people[0].own.x.copy()
        x[0, 1] = 1e4
        people[0] = changed(people[0], x=x)
        finding = found(people)["far"]
        assert not finding.fatal
        values = np.concatenate([client.own.x[:, 1] for client in people])
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        assert f"minutes has a value {(1e4 - middle) / (high - low):,.0f} interquartile ranges" in finding.text


class TestDraws:
    def population(self):
        return Federation(Experiment(tasks="avatar", clients=6)).population

    def test_sound_draws(self):
        assert inspect(self.population()) == []

    def test_a_row_in_both_support_and_query(self):
        people = self.population()
        honest = people.evaluation

        def leaking(members):
            drawn = honest(members)
            return drawn._replace(rows=[Rows(r.support, np.append(r.query, r.support[0])) for r in drawn.rows])

        people.evaluation = leaking
        (finding,) = inspect(people)
        assert (finding.rule, finding.fatal) == ("overlap", True)

    def test_evaluation_rows_in_training(self):
        people = self.population()
        people.training = lambda members, number: people.evaluation(members)
        (finding,) = inspect(people)
        assert (finding.rule, finding.fatal) == ("trained", True)
        assert "avatar, 2 of 6 clients: client 0" in finding.text


class TestSample:
    def test_of_many_clients_half_are_seen_and_half_unseen_and_all_of_the_task(self):
        people = Federation(Experiment(clients=100_000, mix="avatar=30", tasks="avatar,sinusoid")).population
        for task in (0, 1):
            chosen = sample(people, task)
            assert len(chosen) == SAMPLE
            assert sum(number < people.roster.seen for number in chosen) == SAMPLE // 2
            assert {people.roster.place(number).task for number in chosen} == {task}
            assert chosen == sample(people, task)

    def test_of_few_all(self):
        people = Federation(Experiment(clients=60)).population
        assert sorted(client for task in range(3) for client in sample(people, task)) == list(range(60))


def test_it_does_not_stop_runs_of_what_is_generated():
    names = [name for name, family in FAMILIES.items() if "generated" in family.sources]
    people = Federation(Experiment(tasks=",".join(names), clients=4 * len(names)))
    assert preflight(people) == ()


@pytest.mark.parametrize(
    "task", ["assistant:clinc150", "avatar:bandai_motion", "omniglot:5w1s", "omniglot:drawers", "assets:crypto_prices"]
)
def test_it_does_not_stop_runs_of_data_sets(task, some_data):
    people = Federation(Experiment(tasks=task, clients=15, data_dir=str(some_data)))
    assert not any("same rows" in remark or "never varies" in remark for remark in preflight(people))


class TestRun:
    def test_a_leak_stops_the_run_and_nothing_is_left(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        table = [{**row, "points": 20 * row["stars"]} for row in rows()]
        describe(tmp_path, PLAIN.replace('"age"', '"points"'), table)
        assert main(["--tasks", "mine:people.toml", "--clients", "10", "--engine", "local", "--out", "run"]) == 2
        said = capsys.readouterr()
        assert "the target can be read off points" in said.err
        assert "Traceback" not in said.err + said.out
        assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "people.toml"]

    def test_what_may_be_wrong_is_in_the_manifest_the_console_and_the_report(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        describe(tmp_path, table=[{**row, "age": 30} for row in rows()])
        words = ["--tasks", "mine:people.toml", "--clients", "12", "--rounds", "1", "--engine", "local", "--out", "run"]
        assert main(words) == 0
        manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
        (line,) = [line for line in manifest["guard"] if "never varies" in line]
        assert line == "mine, all 12 clients: age never varies"
        assert "age never varies" in " ".join(capsys.readouterr().out.split())
        assert line in (tmp_path / "run" / "report.html").read_text()

    def test_a_source_whose_clients_cannot_be_split_is_refused(self, monkeypatch):
        federation = Federation(Experiment(tasks="avatar", clients=6))

        def short(client):
            raise ValueError("3 rows cannot be split: at least 4 are needed")

        federation.population.split = short
        with pytest.raises(DataError, match="2 clients fail in every round, such as client 0: 3 rows cannot be split"):
            preflight(federation)
