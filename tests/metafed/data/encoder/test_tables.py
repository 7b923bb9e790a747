"""A text column of a user's own table is read by ``--network text-encoder`` as the encoder reads it."""

import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.data.encoder.network import TextEncoder
from metafed.data.encoder.weights import find
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from tests.metafed.data.encoder.tiny import save

WORDS = ["bad", "cab", "a jig", "high", "bid", "dig", "", "fad"]
ABOUT = """data = "notes.csv"
client = "who"
target = "kind"
kind = "classification"
[features]
text = "text"
"""


LORA = {"adapter": "lora", "tokens": 8}


def experiment_of(tmp_path, about, settings=LORA):
    rows = [
        {"who": f"p{who}", "kind": f"k{n % 2}", "text": WORDS[n % 8], "n": n} for who in range(4) for n in range(16)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "notes.csv")
    (tmp_path / "notes.toml").write_text(about)
    task = f"notes:{tmp_path / 'notes.toml'}"
    return Experiment(
        tasks=task, clients=4, network="text-encoder", network_settings=settings, encoder=str(tmp_path / "tiny")
    )


@pytest.mark.parametrize("settings", [LORA, {"adapter": "none"}])
def test_rows_are_what_the_encoder_makes_of_the_texts(peft, transformers, tmp_path, settings):
    folder = save(tmp_path / "tiny")
    source = Federation(experiment_of(tmp_path, ABOUT, settings)).sources[0]
    reader = TextEncoder.reader(find(str(folder), ()), **settings)
    texts = source.texts(0)
    assert sorted(set(texts)) == sorted(WORDS)
    np.testing.assert_array_equal(source.examples(0).x, reader.rows(texts))


def test_features_beside_the_text_are_refused(tmp_path):
    experiment = experiment_of(tmp_path, ABOUT + 'n = "number"\n')
    with pytest.raises(DataError, match=r"wants texts, and the data set .* offers none"):
        _ = Federation(experiment).sources
