import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.banking77.reader import Banking77, topic_of
from metafed.data.source import Origin
from tests.metafed.data.damage import truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return Banking77(Origin(0, (shared_data,)))


def test_the_known_counts(made):
    corpus = made.corpus
    assert made.clients is None
    assert len(corpus.training) == len(corpus.evaluation) == 77
    assert sum(map(len, corpus.training)) + corpus.dropped == 10_003
    assert sum(map(len, corpus.evaluation)) == 3_080
    assert corpus.dropped == 6
    assert corpus.domains == ["account", "card", "cash", "exchange", "payment", "top-up", "transfer"]
    assert np.bincount(corpus.domain_of).min() >= 5


@pytest.mark.parametrize(
    ("intent", "topic"),
    [
        ("top_up_by_bank_transfer_charge", "top-up"),
        ("topping_up_by_card", "top-up"),
        ("wrong_exchange_rate_for_cash_withdrawal", "cash"),
        ("card_payment_wrong_exchange_rate", "exchange"),
        ("Refund_not_showing_up", "payment"),
        ("pin_blocked", "card"),
        ("age_limit", "account"),
    ],
)
def test_a_topic_is_told_from_the_intents_name(intent, topic):
    assert topic_of(intent) == topic


def test_training_and_evaluation_texts_are_of_the_publishers_splits(made):
    table = pl.read_parquet(made.path).select(pl.all().cast(pl.String))
    split = {name: set(table.filter(pl.col("split") == name)["text"]) for name in ("train", "test")}
    favourite = []
    intent = dict(zip(table["text"], table["intent"], strict=True))
    for client in range(60):
        own = made.examples(client)
        texts = np.array(made.texts(client))
        assert set(texts[~own.evaluation]) <= split["train"] - split["test"]
        assert set(texts[own.evaluation]) <= split["test"]
        assert len(set(own.y)) == 5
        favourite += [topic_of(intent[text]) == own.group for text in texts]
    assert np.mean(favourite) > 0.4


def test_clients_are_not_those_of_the_other_set_of_intents(made, shared_data):
    from metafed.data.sets.clinc150.reader import Clinc150

    assert made.examples(0).group not in Clinc150(Origin(0, (shared_data,))).corpus.domains


def test_notes_say_that_clients_and_topics_are_artificial(made):
    text = " ".join(made.notes)
    for part in (
        "artificial clients",
        "artificial topics",
        "Dirichlet",
        "no speakers",
        "6 training texts",
        "CC BY 4.0",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.drop("intent"), r"columns \['intent'\] are missing"),
        (lambda t: t.filter(pl.col("split") == "train"), "texts, too few"),
        (lambda t: t.filter(pl.col("intent").is_in(["age_limit", "change_pin"])), "2 intents"),
        (lambda t: t.with_columns(intent=pl.lit(None, pl.String)), "rows without a value"),
        (lambda t: t.clear(), "rows without a value"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(made, tmp_path, change, problem):
    change(pl.read_parquet(made.path).select(pl.all().cast(pl.String))).write_parquet(tmp_path / made.path.name)
    with pytest.raises(DataError, match=problem) as caught:
        _ = Banking77(Origin(0, (tmp_path,))).clients
    assert str(tmp_path / made.path.name) in str(caught.value)


def test_a_file_cut_short_is_named(made, tmp_path):
    truncated(made.path, tmp_path / made.path.name)
    with pytest.raises(DataError, match=r"banking77\.parquet is damaged"):
        Banking77(Origin(0, (tmp_path,))).examples(0)
