"""A user's own table: what its rows become, whose rows are fitted on, and that a large one is not loaded."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.episodes import Shots, draw, halves
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.table.source import FITTED
from metafed.experiment.choices import parse_tasks
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from tests.metafed.data.table.own import GENRES, PLAIN, alike, describe, everyone, rows, source, write_csv


def test_rows_become_standardised_numbers_and_indicators(tmp_path):
    table = rows()
    made = source(describe(tmp_path, table=table))
    assert (made.kind, made.features, made.outputs, made.clients) == ("classification", 2 + 4, 5, 12)
    assert made.columns == (("age", 1), ("minutes", 1), ("genre", 4))
    fitted = [made.training(client, ["age", "minutes"])[0] for client in range(12)]
    numbers = np.concatenate([np.stack([part["age"], part["minutes"]], 1) for part in fitted])
    for client in range(12):
        name, own = made.called(client), made.examples(client)
        mine = [row for row in table if row["person"] == name]
        assert own.y.tolist() == [row["stars"] - 1 for row in mine]
        raw = np.array([[row["age"], row["minutes"]] for row in mine])
        np.testing.assert_allclose(own.x[:, :2], (raw - numbers.mean(0)) / numbers.std(0), rtol=1e-5, atol=1e-6)
        assert own.x[:, 2:].argmax(1).tolist() == [GENRES.index(row["genre"]) for row in mine]
        assert (own.x[:, 2:].sum(1) == 1).all()
        assert own.group == mine[0]["headset"]
        assert np.isnan(own.oracle_score).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_an_episode_has_the_digits_that_are_computed_with(tmp_path, precision):
    table = rows()
    path = describe(
        tmp_path, 'data = "people.csv"\nclient = "person"\ntarget = "minutes"\n[features]\nage = [40, 15]\n', table
    )
    population = Federation(Experiment(tasks=f"people:{path}", clients=12, precision=precision)).population
    for client in range(12):
        (support, _), _, (chosen,) = population.evaluation([client])
        name = population.sources[0].called(population.roster.place(client).number)
        ages = np.array([row["age"] for row in table if row["person"] == name])[chosen.support]
        exact = (ages - 40.0) / 15.0
        assert support.x[0, : len(ages), 0].tolist() == exact.astype(precision).tolist()
        # what is kept in memory is no longer than what is computed with
        own = population.split(client).own
        assert (own.x.dtype, own.y.dtype) == (precision, precision)


def test_evaluation_rows_and_unseen_clients_have_no_say_in_what_is_fitted(tmp_path):
    table = rows()
    path = describe(tmp_path, table=table)
    honest = source(path, unseen_from=8)
    seen = {honest.called(client): honest.examples(client) for client in range(8)}
    columns = honest._fitted.columns
    for name in {row["person"] for row in table}:
        mine = [row for row in table if row["person"] == name]
        for number, row in enumerate(mine):
            if name not in seen or seen[name].evaluation[number]:
                row.update(age=1000, minutes=-1e6, genre="opera")
    write_csv(tmp_path / "people.csv", table)
    assert source(path, unseen_from=8)._fitted.columns == columns
    # with everybody seen they have a say: the test can fail
    assert source(path)._fitted.columns != columns


def test_of_many_seen_clients_some_are_fitted_on_and_the_notes_say_how_many(tmp_path, monkeypatch):
    monkeypatch.setattr("metafed.data.table.source.FITTED", 5)
    made = source(describe(tmp_path, table=rows()), unseen_from=9)
    assert "fitted on training rows of 5 seen clients" in made.notes
    assert FITTED == 300


def test_the_order_of_clients_is_random_and_that_of_rows_is_the_files(tmp_path):
    path = describe(tmp_path, table=rows())
    orders = [[source(path, seed).called(client) for client in range(12)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert set(orders[0]) == set(orders[2])


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["yes", "no"] * 10, "classification"),
        ([True, False] * 10, "classification"),
        ([1, 2, 3, 4] * 5, "classification"),
        ([0.5, 1.5] * 10, "regression"),
    ],
)
def test_the_kind_is_seen_from_the_target(tmp_path, column, kind):
    pl.DataFrame({"who": ["a", "b"] * 10, "x": np.arange(20.0), "y": column}).write_parquet(tmp_path / "t.parquet")
    path = describe(tmp_path, 'data = "t.parquet"\nclient = "who"\ntarget = "y"\nfeatures = ["x"]\n')
    assert source(path).kind == kind


def test_many_integers_may_be_either_and_only_the_user_can_say(tmp_path):
    pl.DataFrame({"who": ["a", "b"] * 30, "x": np.arange(60.0), "y": range(60)}).write_parquet(tmp_path / "t.parquet")
    text = 'data = "t.parquet"\nclient = "who"\ntarget = "y"\nfeatures = ["x"]\n'
    with pytest.raises(DataError, match=r'60 different integers: say in .*kind = "classification" or "regression"'):
        source(describe(tmp_path, text))
    made = source(describe(tmp_path, text + 'kind = "regression"\n', name="stated.toml"))
    assert (made.kind, made.outputs) == ("regression", 1)


def test_a_regressions_target_is_in_units_of_its_spread_in_training_rows(tmp_path):
    path = describe(tmp_path, PLAIN.replace('"stars"', '"minutes"').replace('"minutes", ', ""), rows())
    made = source(path, unseen_from=8)
    training = np.concatenate([made.training(client)[1] for client in range(8)])
    minutes = {
        name: [row["minutes"] for row in rows() if row["person"] == name] for name in map(made.called, range(12))
    }
    for client in range(12):
        expected = (np.array(minutes[made.called(client)]) - training.mean()) / training.std()
        np.testing.assert_allclose(made.examples(client).y[:, 0], expected, rtol=1e-5, atol=1e-6)
    of_seen = [made.examples(client) for client in range(8)]
    assert len(training) == sum((~own.evaluation).sum() for own in of_seen)


def test_several_targets_are_a_regression(tmp_path):
    text = PLAIN.replace('"stars"', '["stars", "minutes"]').replace('"minutes", "genre"', '"genre"')
    made = source(describe(tmp_path, text, rows()))
    assert (made.kind, made.outputs) == ("regression", 2)
    assert made.examples(0).y.shape[1] == 2


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_the_four_sets_are_disjoint_and_settled(tmp_path_factory, seed, per_class):
    folder = tmp_path_factory.mktemp("own")
    text = PLAIN + ("[shots]\nsupport = 2\nquery = 3\njudge = 4\nper-class = true\n" if per_class else "")
    table = [row for row in rows(6, seed) for _ in range(4 if per_class else 1)]
    made = source(describe(folder, text, table), seed)
    for client in range(made.clients):
        own = made.examples(client)
        training, evaluation = halves(own, made.shots, stream(1, "any"))
        assert sorted(evaluation) == list(np.flatnonzero(own.evaluation))
        assert sorted([*training, *evaluation]) == list(range(len(own.y)))
        for some in (training, evaluation):
            support, query = draw(own, some, made.shots, 10, stream(2, "any"))
            assert not set(support) & set(query)


def test_with_a_time_evaluation_rows_are_the_later_half(tmp_path):
    table = rows()
    made = source(describe(tmp_path, PLAIN + 'time = "when"\n', table))
    for client in range(12):
        own = made.examples(client)
        dates = [row["when"] for row in table if row["person"] == made.called(client)]
        training, evaluation = halves(own, made.shots, stream(0, "any"))
        assert max(dates[row] for row in training) <= min(dates[row] for row in evaluation)
        assert len(training) - len(evaluation) in (0, 1)
    assert any("the later half by 'when'" in note for note in made.notes)


def test_a_description_says_how_many_rows_are_evaluated(tmp_path):
    made = source(describe(tmp_path, PLAIN + "[shots]\nevaluation-share = 0.25\n", rows()))
    for own in (made.examples(client) for client in range(12)):
        assert own.evaluation.sum() == max(2, len(own.y) // 4)
    assert "evaluation rows: a random 25 % of each client's rows" in made.notes


def test_rows_of_one_block_stay_together(tmp_path):
    table = [{**row, "session": f"s{number % 7}"} for number, row in enumerate(rows(20))]
    made = source(describe(tmp_path, PLAIN + 'block = "session"\n', table))
    for client in range(made.clients):
        own = made.examples(client)
        assert not set(own.block[own.evaluation]) & set(own.block[~own.evaluation])
    assert any("values of 'session'" in note for note in made.notes)


def test_a_split_that_the_table_tells_is_kept_and_who_lacks_a_side_is_skipped(tmp_path):
    counts = Counter()
    table = rows()
    for row in table:
        counts[row["person"]] += 1
        row["test"] = counts[row["person"]] % 3 == 0 and row["person"] != "p005"
    made = source(describe(tmp_path, PLAIN + 'evaluation = "test"\n', [{**r, "test": int(r["test"])} for r in table]))
    assert made.clients == 11
    rule = "fewer than 2 rows for training and 2 for evaluation, 'test' being 0 and 1"
    assert f"1 of 12 clients skipped, with {rule}: p005" in made.notes
    assert "evaluation rows: as 'test' says" in made.notes
    for client in range(11):
        reported = [row["test"] for row in table if row["person"] == made.called(client)]
        assert made.examples(client).evaluation.tolist() == reported
        training, _ = made.training(client, ["age"])
        assert len(training["age"]) == reported.count(False)


def test_texts_are_hashed(tmp_path):
    from sklearn.feature_extraction.text import HashingVectorizer

    table = [{**row, "review": f"a {row['genre']} game of {row['stars']} stars"} for row in rows()]
    made = source(describe(tmp_path, PLAIN + 'text = "review"\n', table))
    assert made.features == 6 + 512
    mine = [row["review"] for row in table if row["person"] == made.called(3)]
    expected = HashingVectorizer(n_features=512, ngram_range=(1, 2), norm="l2").transform(mine).toarray()
    np.testing.assert_allclose(made.examples(3).x[:, 6:], np.sqrt(512) * expected, rtol=1e-6)


def test_a_category_with_many_values_is_hashed_and_one_with_listed_values_is_not_fitted(tmp_path):
    table = [{**row, "game": f"g{number % 70}"} for number, row in enumerate(rows(20))]
    made = source(describe(tmp_path, PLAIN.replace('"genre"', '"genre", "game"'), table))
    assert made.columns[-1] == ("game", 64)
    one_hot = made.examples(0).x[:, -64:]
    assert (one_hot.sum(1) == 1).all()
    listed = PLAIN.replace('features = ["age", "minutes", "genre"]\n', "") + '[features]\ngenre = ["travel", "music"]\n'
    made = source(describe(tmp_path, listed, table, "listed.toml"))
    mine = [row["genre"] for row in table if row["person"] == made.called(0)]
    place = {"travel": 0, "music": 1, "puzzle": 2}
    assert made.examples(0).x.argmax(1).tolist() == [place[genre] for genre in mine]


def test_a_value_that_training_never_saw_counts_as_any_other(tmp_path):
    path = describe(tmp_path, table=rows())
    made = source(path, unseen_from=8)
    stranger = made.called(10)
    table = [{**row, "genre": "opera"} if row["person"] == stranger else row for row in rows()]
    write_csv(tmp_path / "people.csv", table)
    x = source(path, unseen_from=8).examples(10).x
    assert (x[:, 2:] == [0, 0, 0, 1]).all()


def test_a_missing_number_is_refused_or_taken_for_the_mean_as_told(tmp_path):
    table = rows()
    table[5]["minutes"] = ""
    with pytest.raises(DataError, match=r"'minutes' has no finite number in 1 of .*missing = \"mean\""):
        _ = source(describe(tmp_path, table=table)).clients
    made = source(describe(tmp_path, PLAIN + 'missing = "mean"\n', table, "mean.toml"))
    assert made.clients == 12
    client = next(c for c in range(12) if made.called(c) == table[5]["person"])
    row = [r["minutes"] for r in table if r["person"] == table[5]["person"]].index("")
    assert made.examples(client).x[row, 1] == 0


def test_arrays_are_as_good_as_a_table(tmp_path):
    table = rows()
    arrays = {name: np.array([row[name] for row in table]) for name in table[0]}
    np.savez(tmp_path / "people.npz", names=np.array(["of", "no", "use"]), **arrays)
    from_csv = everyone(source(describe(tmp_path, table=table)))
    from_npz = everyone(source(describe(tmp_path, PLAIN.replace(".csv", ".npz"), name="arrays.toml")))
    assert from_csv.keys() == from_npz.keys()
    assert all(alike(from_csv[name], from_npz[name]) for name in from_csv)


def test_an_array_of_images_has_one_scale_and_a_network_for_images(tmp_path):
    rng = stream(0, "tests/images")
    pixels = rng.integers(0, 256, (400, 1, 16, 16)).astype(np.uint8)
    pixels[:, :, 0, 0] = 0
    np.savez(tmp_path / "i.npz", who=np.arange(400) % 10, y=rng.integers(0, 3, 400), pixels=pixels)
    text = 'data = "i.npz"\nclient = "who"\ntarget = "y"\nfeatures = "pixels"\nimage = [1, 16, 16]\n'
    (choice,) = parse_tasks(f"pictures:{describe(tmp_path, text)}")
    assert (choice.family.network, choice.family.image) == ("conv4", (1, 16, 16))
    made = source(describe(tmp_path, text))
    assert made.features == 256
    (column,) = made._fitted.columns
    assert len(set(column.mean)) == len(set(column.unit)) == 1
    wrong = text.replace("[1, 16, 16]", "[1, 16, 15]")
    with pytest.raises(DataError, match=r"image = \[1, 16, 15\] is 240 numbers .* pixels 256"):
        _ = source(describe(tmp_path, wrong, name="wrong.toml")).clients


def test_columns_by_pattern_leave_the_other_roles_out(tmp_path):
    made = source(describe(tmp_path, PLAIN.replace('["age", "minutes", "genre"]', '["*"]'), rows()))
    assert [name for name, _ in made.columns] == ["age", "minutes", "genre", "when"]
    made = source(describe(tmp_path, PLAIN.replace('["age", "minutes", "genre"]', '"[am]*"'), rows(), "two.toml"))
    assert made.columns == (("age", 1), ("minutes", 1))


def test_clients_with_too_few_rows_are_skipped_and_named(tmp_path):
    table = [*rows(), *({**rows()[0], "person": f"few{k}"} for k in range(3) for _ in range(3))]
    made = source(describe(tmp_path, table=table))
    assert made.clients == 12
    assert "3 of 15 clients skipped, with fewer than 4 rows: few0, few1, few2" in made.notes


class TestNames:
    def test_a_free_name_has_sizes_of_its_own_and_a_familys_name_has_the_familys(self, tmp_path):
        path = describe(tmp_path, table=rows())
        (free,), (known,) = parse_tasks(f"mine:{path}"), parse_tasks(f"personalization:{path}")
        assert (free.family.name, free.family.shots) == ("mine", Shots(20, 40, 100, per_class=False))
        assert known.family.shots == FAMILIES["personalization"].shots
        assert (known.kind, known.anonymous) == ("classification", False)

    def test_the_description_says_otherwise(self, tmp_path):
        path = describe(tmp_path, PLAIN + "[shots]\nsupport = 7\n", rows())
        (choice,) = parse_tasks(f"personalization:{path}")
        assert choice.family.shots == Shots(7, 40, 200, per_class=False)

    def test_a_file_alone_is_named_after_itself(self, tmp_path):
        (choice,) = parse_tasks(str(describe(tmp_path, table=rows())))
        assert choice.family.name == "people"

    @pytest.mark.parametrize("name", ["trunk", "My Data", "a.b", "personalisation", "avatars"])
    def test_a_name_that_cannot_be_is_refused(self, tmp_path, name):
        path = describe(tmp_path, table=rows())
        with pytest.raises(ValueError, match=r"cannot name a family|nearly the name of a family"):
            parse_tasks(f"{name}:{path}")

    def test_a_family_and_two_tables_share_a_trunk(self, tmp_path):
        one = describe(tmp_path, table=rows())
        two = describe(tmp_path, PLAIN.replace('"stars"', '"minutes"').replace('"minutes", ', ""), name="two.toml")
        experiment = Experiment(tasks=f"{one},minutes:{two},avatar", clients=20, mix="people=2")
        assert {name.partition(".")[0] for name in Federation(experiment).initial} == {
            "trunk",
            "people",
            "minutes",
            "avatar",
        }
        preflight(Federation(experiment))
        assert Experiment.from_run_config(experiment.to_run_config()) == experiment

    def test_a_table_without_a_description_is_told_so(self, tmp_path):
        with pytest.raises(ValueError, match="is a table: describe it in a TOML file"):
            parse_tasks("mine:people.csv")


def test_a_server_needs_no_data_if_the_description_says_everything(tmp_path):
    text = """
data = "not-here.csv"
client = "person"
target = "stars"
kind = "classification"
classes = [1, 2, 3, 4, 5]
text = "review"
[features]
age = [40, 15]
genre = ["music", "puzzle"]
"""
    experiment = Experiment(tasks=f"stars:{describe(tmp_path, text)}", clients=10)
    assert Federation(experiment).initial["stars.stem.weight"].shape[0] == 1 + 3 + 512
    with pytest.raises(DataError, match=r"not-here\.csv: no such file"):
        preflight(Federation(experiment))


def test_a_label_whose_rows_come_late_is_trained_on(tmp_path, monkeypatch):
    monkeypatch.setattr("metafed.data.table.source.FITTED_ROWS", 20)
    rng = stream(0, "tests/late")
    late = [f"c{max(0, k - 50) // 3}" for k in range(80)]
    table = {
        "who": np.repeat(["a", "b"], 80).tolist(),
        "x": rng.standard_normal(160),
        "y": [*late, *["c0", "c1"] * 40],
        "held": [k % 3 == 2 for k in range(80)] * 2,
    }
    pl.DataFrame(table).write_parquet(tmp_path / "t.parquet")
    text = 'data = "t.parquet"\nclient = "who"\ntarget = "y"\nfeatures = "x"\nevaluation = "held"\n'
    made = source(describe(tmp_path, text))
    assert made.clients == 2
    assert made.outputs == 10
    # what is fitted is fitted on the first rows only
    assert len(made.training(0, most=20)[1]) == 20


def test_rows_of_rare_labels_are_left_out_where_it_is_said(tmp_path):
    table = rows()
    for k, label in ((7, 8), (20, 9), (21, 9), (22, 9)):
        table[k] = {**table[k], "stars": label}
    made = source(describe(tmp_path, PLAIN + 'rare = "drop"\n', table, "drop.toml"))
    assert made.clients == 12
    assert made.outputs == 5
    assert "4 rows left out, of 2 labels with fewer than 4 rows: 8, 9" in made.notes
    plain = everyone(made)
    write_csv(tmp_path / "people.csv", [row for row in table if row["stars"] < 8])
    without = everyone(source(describe(tmp_path, name="plain.toml")))
    assert all(alike(plain[name], without[name]) for name in without)
    with pytest.raises(DataError, match=r"rare = 1"):
        source(describe(tmp_path, PLAIN + "rare = 1\n", name="one.toml"))
    with pytest.raises(DataError, match=r"no label has 100000 rows"):
        _ = source(describe(tmp_path, PLAIN + "rare = 100000\n", name="all.toml")).clients


def test_the_guide_says_the_sizes_of_episodes():
    from metafed.data.family import SHOTS

    guide = (Path(__file__).resolve().parents[4] / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    sizes = [f"`support` = {SHOTS.support}", f"`query` = {SHOTS.query}", f"`evaluation` = {SHOTS.evaluation}"]
    assert all(size in guide for size in [*sizes, f"`per-class` = {str(SHOTS.per_class).lower()}"])


def test_numbers_of_which_there_is_no_mean_are_refused_not_zero(tmp_path):
    table = [{**row, "minutes": (-1) ** number * 1.7e308} for number, row in enumerate(rows())]
    with pytest.raises(DataError, match=r"people.csv: column 'minutes' has numbers as large as 1\.7e\+308"):
        _ = source(describe(tmp_path, table=table)).notes
