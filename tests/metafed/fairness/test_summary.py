"""The summary of a hand-made evaluation, whose numbers are known."""

import json
import math

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from metafed.fairness.panel import last_evaluation
from metafed.fairness.summary import counted, summarize
from simulation.cli.tables import closing_table, footnotes
from tests.metafed.fairness.frames import SCHEMA, client, frame

KINDS = {"assistant": "classification", "avatar": "regression"}


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return frame(
        # an older evaluation and training rows must not count
        client(0, [0.0, 0.0, 0.0], round=2),
        [{**client(0, [0.5])[0], "phase": "train", "round": 5, "step": 2}],
        client(0, [0.25, 0.5, 0.75]),
        client(1, [0.25, 0.25, 0.25], group="b"),
        client(2, [0.5, 0.5, 0.65], seen=False),
        client(3, [0.9, 0.5, 0.1], seen=False, group="b", query=400),
        client(4, [-2.0, 0.0, 0.5], family="avatar", oracle_score=None),
        client(5, [0.4, 0.4, 0.39], family="avatar", oracle_score=None),
        client(6, [0.4, math.nan, 0.9], family="avatar"),
        client(7, [0.4, 0.5, 0.6], family="avatar", loss=math.inf),
        client(8, [0.4, 0.5], family="avatar", seen=False),
    )


@pytest.fixture(scope="module")
def summary(rows):
    return summarize(rows, seed=0, kinds=KINDS)


def test_is_of_the_last_evaluated_round(summary):
    assert (summary["round"], summary["inner_steps"]) == (4, 2)


def test_says_after_which_rounds_the_test_was_evaluated():
    people = [client(n, [0.5, 0.6], seen=n == 0, round=number) for number in (2, 4) for n in (0, 1)]
    assert summarize(frame(*people), 0)["tested"] == [2, 4]
    assert summarize(frame(client(0, [0.5, 0.6])), 0)["tested"] == []


def test_contains_no_nan(summary):
    json.dumps(summary, allow_nan=False)


def test_before_after_and_gain_are_means_over_clients(summary):
    block = summary["by_family"]["assistant"]["seen"]
    assert (block["clients"], block["diverged"]) == (2, 0)
    assert (block["before"]["value"], block["after"]["value"], block["gain"]["value"]) == (0.25, 0.5, 0.25)
    assert [point["value"] for point in block["curve"]] == [0.25, 0.375, 0.5]
    assert block["gain"]["method"] == "bounds (Gaffke)"
    assert 0 < block["after"]["low"] < 0.1  # accuracy ends at 0 and 1, and two clients tell next to nothing
    assert 0.9 < block["after"]["high"] < 1
    assert summary["gain"]["method"] == "none: fewer than 50 clients"  # skill can be anywhere below 1
    everyone = np.array([0.75, 0.25, 0.65, 0.1, 0.5, 0.39])
    assert summary["score"]["value"] == pytest.approx(everyone.mean())
    assert summary["score"] == summary["after"]
    assert summary["fairness"]["std"]["value"] == pytest.approx(everyone.std())
    assert summary["fairness"]["worst10"]["value"] == 0.1
    assert summary["fairness"]["best10"]["value"] == 0.75


def test_diverged_and_incomplete_clients_are_counted_and_in_no_mean(summary):
    assert (summary["clients"], summary["diverged"], summary["incomplete"]) == (9, 2, 1)
    avatar = summary["by_family"]["avatar"]
    assert avatar["seen"]["after"]["n"] == 2
    assert avatar["seen"]["after"]["value"] == pytest.approx(0.445)
    assert (avatar["unseen"]["clients"], avatar["unseen"]["incomplete"]) == (1, 1)
    assert avatar["unseen"]["after"]["value"] is None


def test_clients_without_a_score_are_counted_and_named_and_in_no_mean():
    people = [
        client(0, [0.1, 0.5]),
        client(3, [None, None]),
        client(4, [0.3, 0.7]),
        client(5, [None, None], loss=math.inf),
    ]
    found = summarize(frame(*people), 0, {"assistant": "regression"})
    assert (found["clients"], found["diverged"], found["undefined"], found["incomplete"]) == (4, 1, 1, 0)
    assert found["named"] == {"diverged": [5], "undefined": [3], "incomplete": [], "exploded": []}
    assert (found["after"]["value"], found["after"]["n"], counted(found)) == (pytest.approx(0.6), 2, 2)
    said = shown(found, 80)
    assert "n = 2 in all" in said
    assert "1 of 4 clients undefined (no score: too few query rows, --eval-rows, or equal" in " ".join(said.split())
    assert "Clients 3." in said


def test_a_client_whose_loss_explodes_in_its_inner_loop_is_named_and_counts():
    people = [client(0, [0.1, 0.5]), client(7, [-1.0, -250.0]), client(8, [0.0, -98.0])]
    found = summarize(frame(*people), 0, {"assistant": "regression"})
    assert (found["exploded"], found["named"]["exploded"]) == (1, [7])
    assert found["after"]["n"] == 3
    assert "grew a hundredfold" in shown(found, 80)
    assert "Clients 7." in shown(found, 80)


def test_scores_beyond_what_can_be_computed_with_have_diverged():
    found = summarize(frame(client(0, [0.1, 0.5]), client(1, [0.1, -1e180])), 0, {"assistant": "regression"})
    json.dumps(found, allow_nan=False)
    assert (found["diverged"], found["after"]["value"]) == (1, 0.5)


def test_a_loss_that_grew_by_orders_in_training_is_said():
    def trained(*losses):
        rows = [client(0, [0.1], phase="train", round=n, loss=loss) for n, loss in enumerate(losses, 1)]
        return summarize(frame(*rows, client(0, [0.1, 0.2])), 0, {"assistant": "regression"})

    assert trained(2.0, 0.01, 0.9)["growing"] == {}
    found = trained(2.0, 30.0, 4e7)
    assert found["growing"] == {"assistant": {"least": 2.0, "last": 4e7}}
    assert "The loss of assistant grew in training, from 2.000 to 4e+07." in shown(found, 80)


def test_what_is_bad_is_said_first():
    bad = summarize(frame(client(0, [0.1, -0.5], family="avatar"), client(1, [0.9, 0.4])), 0, KINDS)
    text = " ".join(shown(bad, 120).split())
    assert "No good: seen clients of avatar score -0.500, below the 0 of a constant." in text
    assert "Adaptation lowers scores: seen clients of assistant by 0.500 on average." in text
    assert text.index("No good") < text.index("Score: before")


def test_harm_is_judged_by_kind_and_query_size(summary):
    # client 3 fell by 0.8 on 400 rows; client 5's skill fell by 0.01, and skill has no tolerance
    harmed = summary["fairness"]["harmed"]
    assert (harmed["value"], harmed["n"], harmed["method"]) == (pytest.approx(2 / 6), 6, "Wilson")
    assert summary["fairness"]["harm_depth"]["value"] == pytest.approx((0.8 + 0.01) / 2)
    assert summary["by_family"]["assistant"]["seen"]["fairness"]["harmed"]["value"] == 0.0


def test_an_accuracy_that_falls_within_its_error_is_not_harmed():
    few, many = (frame(client(0, [0.8, 0.7], query=query)) for query in (20, 400))
    assert [summarize(f, 0, KINDS)["fairness"]["harmed"]["value"] for f in (few, many)] == [0.0, 1.0]


def test_the_ceiling_is_a_mean_over_all_clients_or_nothing(summary):
    assert summary["by_family"]["assistant"]["all"]["oracle_score"] == 1.0
    assert summary["by_family"]["avatar"]["seen"]["oracle_score"] is None
    assert summary["oracle_score"] is None


def test_groups_are_listed_worst_first_and_small_ones_flagged(summary):
    gap = summary["by_family"]["assistant"]["all"]["fairness"]["gap"]["group"]
    assert list(gap["groups"]) == ["b", "a"]
    assert gap["groups"]["b"]["after"]["value"] == pytest.approx(0.175)
    assert gap["value"] == pytest.approx(0.7 - 0.175)
    assert all(group["small"] for group in gap["groups"].values())
    assert summary["fairness"]["gap"]["device"]["value"] is None  # one device only


def test_gini_of_negative_skill_is_undefined_and_says_so():
    block = summarize(frame(client(0, [-1.0, -0.5]), client(1, [0.0, 0.5])), 0, {})
    assert block["fairness"]["gini"]["value"] is None
    assert "negative" in block["fairness"]["gini"]["method"]
    assert block["fairness"]["std"]["value"] == 0.5


def test_intervals_of_tails_need_ten_clients_in_the_tail():
    def tail(count):
        people = [client(i, [0.1, 0.2 + 0.01 * (i % 37)]) for i in range(count)]
        return summarize(frame(*people), 0, KINDS)["fairness"]["worst10"]

    assert tail(90)["low"] is None
    assert "tail" in tail(90)["method"]
    assert tail(91)["low"] <= tail(91)["value"] <= tail(91)["high"]


def test_is_the_same_whatever_the_order_of_rows_and_depends_on_the_seed():
    rng = np.random.default_rng(3)
    people = frame(*(client(i, list(rng.random(3)), group="ab"[i % 2], seen=i % 3 > 0) for i in range(60)))
    once = summarize(people, 1, KINDS)
    assert once == summarize(people.sample(fraction=1, shuffle=True, seed=5), 1, KINDS)
    other = summarize(people, 2, KINDS)
    assert once["fairness"]["gap"]["group"]["chance"] != other["fairness"]["gap"]["group"]["chance"]
    assert once["after"] == other["after"]  # an interval depends on the values alone


def test_families_of_different_lengths_keep_their_last_score():
    both = summarize(frame(client(0, [0.0, 0.5]), client(1, [0.0, 0.2, 0.7], family="avatar")), 0, KINDS)
    assert (both["inner_steps"], both["incomplete"]) == (2, 0)
    assert [point["value"] for point in both["curve"]] == [0.0, pytest.approx(0.35), pytest.approx(0.6)]


def test_two_rows_for_one_step_are_refused():
    with pytest.raises(ValueError, match="client 3 has 2 evaluation rows for step 0"):
        summarize(frame(client(3, [0.1]), client(3, [0.2])), 0, KINDS)


def test_nothing_evaluated_gives_a_summary_of_nobody():
    empty = summarize(pl.DataFrame(schema=SCHEMA), 0, KINDS)
    json.dumps(empty, allow_nan=False)
    assert (empty["round"], empty["clients"], empty["seen"]) == (None, 0, None)
    assert "No round was evaluated" in shown(empty, 80)


def test_an_evaluation_that_all_diverged_is_a_summary_without_numbers():
    lost = summarize(frame(client(0, [math.nan, math.nan])), 0, KINDS)
    json.dumps(lost, allow_nan=False)
    assert (lost["clients"], lost["diverged"], lost["score"]["value"]) == (1, 1, None)
    assert "1 of 1 clients diverged" in shown(lost, 80)


def test_known_families_bring_their_kinds():
    fall = frame(client(0, [0.8, 0.7], query=20, family="personalization"))
    assert last_evaluation(fall)[0] == 4
    assert summarize(fall, 0)["fairness"]["harmed"]["value"] == 0.0


@pytest.mark.parametrize("width", [80, 120])
def test_the_closing_table_fits(summary, width):
    text = shown(summary, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    lines = text.splitlines()
    assistant = next(i for i, line in enumerate(lines) if line.startswith("assistant"))
    assert "0.250 → 0.500" in lines[assistant + 1]
    assert "0.700 → 0.375" in lines[assistant + 2]
    assert "-0.325" in lines[assistant + 2]
    assert "n = 6" in text
    assert "2 of 9 clients diverged" in text
    assert "1 of 9 clients incomplete" in text


def test_every_word_of_the_notes_below_the_closing_table_is_on_the_screen(summary):
    printed = " ".join(shown(summary, 80).split())
    for note in footnotes(summary):
        assert " ".join(note.split()) in printed


def shown(summary, width: int) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(closing_table(summary))
    return capture.get()


def test_intervals_end_where_their_numbers_can_go():
    few = frame(client(0, [0.0, 0.0, 1.0]), client(1, [0.9, 1.0, 1.0]), client(2, [1.0, 0.0, 0.1]))
    block = summarize(few, seed=0, kinds=KINDS)["seen"]
    entries = [
        block["gain"],
        *block["adaptation"]["gain_by_step"],
        block["fairness"]["gap"]["group"]["groups"]["a"]["gain"],
    ]
    for entry in entries:
        assert -1 < entry["low"] < -0.4
        assert 0.4 < entry["high"] < 1
    assert 0 <= block["adaptation"]["area"]["low"] < block["adaptation"]["area"]["high"] <= 1
    assert block["adaptation"]["steps_to_target"]["high"] is None
