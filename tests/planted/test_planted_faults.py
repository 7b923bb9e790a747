"""Tests of the tests: every planted fault makes the test named here fail."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXACT = "tests/laws/test_maml_exact.py::test_meta_gradient_of_a_quadratic_equals_the_closed_form[2]"
CAUGHT_BY = {
    "first_order_in_disguise": [
        EXACT,
        "tests/integration/test_whole_path.py::test_a_federated_round_equals_the_centralised_step",
    ],
    "wrong_rate_gradient": [
        "tests/metafed/algorithms/test_meta_gradients.py::test_the_gradient_of_the_rates_of_meta_sgd_is"
    ],
    "optimizer_made_anew": ["tests/server/test_outer.py::test_moments_are_kept_from_round_to_round[adam]"],
    "trained_on_evaluation_rows": [
        "tests/integration/test_leaks.py::test_training_and_evaluation_draw_from_different_rows[avatar]"
    ],
    "adapted_on_the_query_set": ["tests/integration/test_leaks.py::test_evaluation_adapts_on_the_support_set_alone"],
}


def outcome(tests, *plugins):
    """Run tests in a process of their own with plugins that break things; returns its output."""
    chosen = [test for test in tests if test.endswith("]") or "rates_of" not in test]
    words = ["-q", "--no-header", "-p", "no:cacheprovider", *(w for p in plugins for w in ("-p", f"tests.planted.{p}"))]
    if not chosen:  # the name goes on: choose by its beginning
        file, _, name = tests[0].partition("::")
        chosen = [file, "-k", name]
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *chosen], cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("fault", CAUGHT_BY)
def test_a_planted_fault_is_caught_by_the_test_that_is_named(fault):
    for test in CAUGHT_BY[fault]:
        said = outcome([test], fault)
        name = test.partition("::")[2].partition("[")[0]
        assert f"FAILED {test.partition('::')[0]}::{name}" in said, said
        assert "error" not in said.splitlines()[-1], said


def test_without_a_fault_they_all_pass():
    said = outcome([test for tests in CAUGHT_BY.values() for test in tests])
    assert "passed" in said.splitlines()[-1]
    assert "failed" not in said.splitlines()[-1]
