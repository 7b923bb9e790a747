"""Unfairness that is planted between rows is found, and none is where none is planted."""

import numpy as np
import pytest

import metafed as mf
from benchmarks.attributes import BIASES, Arguments, counts, found
from metafed.core.episodes import Examples, Shots
from metafed.faults.injected_bias import parse_bias

SHOTS = Shots(5, 5, 20, per_class=False)
AFTER = [("after", name) for name in ("equalized_odds", "accuracy")]
"""What labels that are dealt anew change: who is predicted right, of one of the classes at least, and not how many are
predicted positive."""


def rows(count, attributes=None):
    x = np.arange(count, dtype=np.float32)[:, None]
    return Examples(x, np.arange(count) % 3, "own", np.ones(count), attributes=attributes)


def test_it_is_found_after_adaptation_and_a_clean_attribute_is_not():
    planted, clean = (found(Arguments(rounds=5), BIASES[kind], 0) for kind in ("planted", "clean"))
    assert all(planted[key] for key in AFTER)
    assert not planted["after", "demographic_parity"]
    assert not any(clean.values())


@pytest.mark.slow
def test_it_is_found_in_ten_of_ten_seeds_and_a_clean_attribute_in_none():
    planted, clean = (counts(Arguments(), kind) for kind in ("planted", "clean"))
    assert [planted[key] for key in AFTER] == [10] * len(AFTER)
    assert set(clean.values()) == {0}


def test_values_of_rows_are_drawn_and_labels_of_one_value_are_dealt_anew():
    own = rows(3000)
    made = parse_bias("b:0.4:labels=0.5:of=rows")(0, 1, own, SHOTS)
    is_b = made.attributes[:, 0] == "b"
    assert set(made.attributes[~is_b, 0]) == {"others"}
    assert is_b.mean() == pytest.approx(0.4, abs=0.04)
    assert (made.y[~is_b] == own.y[~is_b]).all()
    assert (made.y[is_b] != own.y[is_b]).mean() == pytest.approx(0.5 * 2 / 3, abs=0.05)
    assert made.group == "own"
    assert np.isnan(made.oracle_score).all()


def test_groups_of_clients_keep_their_rows_attributes():
    texts = np.array([["f"], ["m"]] * 30)
    made = parse_bias("poor:1:rows=0.5,b:0.5:of=rows")(0, 1, rows(60, texts), SHOTS)
    assert made.group == "poor"
    assert made.attributes.shape == (30, 2)
    assert made.attributes[:, 0].tolist() == ["fm"[int(number) % 2] for number in made.x[:, 0]]
    assert set(made.attributes[:, 1]) == {"b", "others"}


def test_what_is_planted_is_said():
    bias = parse_bias("poor:0.25:rows=0.5,b:0.5:labels=0.8:of=rows")
    said = "a planted attribute of rows, drawn at random: b 50% with 80% of their labels dealt anew; others 50%"
    assert bias.remark.endswith(f"; {said}")
    assert bias.spoils_labels
    assert parse_bias("poor:0.25").attributes == ()


@pytest.mark.parametrize("text", ["b:0.5:rows=0.5:of=rows", "b:0.6:of=rows,c:0.6:of=rows", "b:0.5:of=clients"])
def test_what_cannot_be_planted_is_refused(text):
    with pytest.raises((ValueError, mf.SettingError)):
        parse_bias(text)
