import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.clinc150.reader import Clinc150
from metafed.data.sets.intents import hashed
from metafed.data.source import Origin
from tests.metafed.data.damage import truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return Clinc150(Origin(0, (shared_data,)))


def at(folder):
    return Clinc150(Origin(0, (folder,)))


def test_the_known_counts(made):
    corpus = made.corpus
    assert made.clients is None
    assert len(corpus.domains) == 10
    assert np.bincount(corpus.domain_of).tolist() == [15] * 10
    assert sum(map(len, corpus.training)) + corpus.dropped == 15_000
    assert sum(map(len, corpus.evaluation)) == 7_500
    assert corpus.dropped == 5


def test_no_text_is_in_one_clients_training_and_anothers_evaluation(made):
    training, evaluation = set(), set()
    for client in range(150):
        own = made.examples(client)
        texts = np.array(made.texts(client))
        assert len(set(texts)) == len(texts)
        training |= set(texts[~own.evaluation])
        evaluation |= set(texts[own.evaluation])
    assert len(training) > 3000
    assert len(evaluation) > 1500
    assert not training & evaluation


def test_a_client_has_five_intents_of_unequal_size_mostly_of_its_favourite_domains(made):
    table = pl.read_parquet(made.path).select(pl.col("text", "intent", "domain").cast(pl.String))
    intents = {}  # a few texts have two
    for text, intent in zip(table["text"], table["intent"], strict=True):
        intents.setdefault(text, set()).add(intent)
    domain = dict(zip(table["intent"], table["domain"], strict=True))
    favourite = []
    for client in range(40):
        own, texts = made.examples(client), np.array(made.texts(client))
        slots = [set.intersection(*(intents[text] for text in texts[own.y == slot])) for slot in range(5)]
        assert all(len(slot) == 1 for slot in slots)
        names = [next(iter(slot)) for slot in slots]
        assert len(set(names)) == 5
        assert "oos" not in names
        favourite += [domain[name] == own.group for name in names]
        for reported in (False, True):
            counts = np.bincount(own.y[own.evaluation == reported], minlength=5)
            assert counts.min() >= 3
            assert len(set(counts)) > 1
    assert np.mean(favourite) > 0.4


def test_equal_texts_have_equal_features_of_one_length():
    x = hashed(["what is my balance", "What is my BALANCE?", "play some jazz"])
    np.testing.assert_array_equal(x[0], x[1])
    assert abs(x[0] @ x[2]) < 0.5 * x[0] @ x[0]
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 22, rtol=1e-5)


def test_notes_say_that_the_partition_is_artificial(made):
    text = " ".join(made.notes)
    for part in ("artificial", "Dirichlet", "no speakers", "oos", "5 training texts", "CC BY 3.0"):
        assert part in text


def rewritten(made, folder, change):
    table = pl.read_parquet(made.path).select(pl.all().cast(pl.String))
    change(table).write_parquet(folder / "clinc150.parquet")
    return at(folder)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.drop("split"), r"columns \['split'\] are missing"),
        (lambda t: t.filter(pl.col("split") == "train"), "texts, too few"),
        (lambda t: t.filter(pl.col("intent") == "oos"), "rows without a value"),
        (lambda t: t.filter(pl.col("intent").is_in(["oos", "bill_due", "repeat"])), "2 intents"),
        (lambda t: t.with_columns(text=pl.lit(None, pl.String)), "rows without a value"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(made, tmp_path, change, problem):
    damaged = rewritten(made, tmp_path, change)
    with pytest.raises(DataError, match=problem) as caught:
        _ = damaged.clients
    assert str(tmp_path / "clinc150.parquet") in str(caught.value)


def test_a_file_cut_short_is_named(made, tmp_path):
    truncated(made.path, tmp_path / "clinc150.parquet")
    with pytest.raises(DataError, match=r"clinc150\.parquet is damaged"):
        at(tmp_path).examples(0)
