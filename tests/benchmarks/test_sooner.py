"""Rounds to a score: when one was reached, and how many times sooner."""

import polars as pl
import pytest

from benchmarks.sooner import Reached, main, ratio, reached, shown
from simulation.cli.errors import BadInput


def clients(curve):
    """Return rows of two unseen clients around each round's mean, before and after one inner step, and a seen one."""
    rows = [
        ("evaluate", number, client, client == 9, step, score + wide if step else 0.0)
        for number, score in curve.items()
        for client, wide in ((0, -0.1), (1, 0.1), (9, 0.5))
        for step in (0, 1)
    ]
    return pl.DataFrame(rows, ["phase", "round", "client", "seen", "step", "score"], orient="row")


def test_a_score_is_reached_in_the_first_round_whose_unseen_mean_is_as_high():
    curve = {0: 0.9, 5: 0.4, 10: 0.6, 15: 0.5}
    assert reached(clients(curve), 0.55) == Reached(10, True)
    assert reached(clients(curve), 0.7) == Reached(20, False)
    with pytest.raises(BadInput, match="--eval-every"):
        reached(clients({0: 0.1, 5: 0.4}), 0.3)


def test_a_ratio_is_a_geometric_mean_and_a_bound_where_a_seed_did_not_get_there():
    first = [Reached(rounds, True) for rounds in (8, 16, 8, 16, 8)]
    other = [Reached(rounds, True) for rounds in (4, 4, 4, 4, 4)]
    own, p, sign = ratio(first, other)
    assert own.value == pytest.approx(2 * 2 ** (2 / 5))
    assert own.low < own.value < own.high
    assert (p, sign) == (pytest.approx(2 / 2**5), "")
    assert shown(ratio([*first[:4], Reached(20, False)], other)).startswith("≥ ")
    assert shown(ratio(first, [*other[:4], Reached(20, False)])).startswith("≤ ")
    assert ratio([*first[:4], Reached(20, False)], [*other[:4], Reached(20, False)]) is None


def test_scores_that_are_no_numbers_end_with_2(tmp_path, capsys):
    assert main([str(tmp_path / "none.toml"), "--scores", "0.6;0.7"]) == 2
    assert "--scores 0.6;0.7" in capsys.readouterr().err
