"""Faults of what is kept, counted and reported."""

from tests.planted.planting import one

MATH = "tests/metafed"
KILLED = (
    "tests/integration/resume/test_resume.py"
    "::test_a_run_killed_between_two_checkpoints_ends_with_the_bits_of_one_that_was_not"
)
TELLING = {
    "a checkpoint without the optimizer's moments": one(
        "server.checkpoint",
        "for p, kept in checkpoint.moments.items()",
        "for p, kept in ()",
        f"{KILLED}[ditto]",
    ),
    "a checkpoint without the objective's state": one(
        "server.stages.weighting",
        'return {"state": dict(self._state)}',
        'return {"state": {}}',
        f"{KILLED}[AFL over clients]",
    ),
    "a round skipped on resuming": one(
        "server.checkpoint",
        "Checkpoint(page.round, theta",
        "Checkpoint(page.round + 1, theta",
        f"{KILLED}[ditto]",
    ),
    "harm counted where there is none": one(
        "metafed.fairness.harmed",
        "< -checked(tolerances)",
        "< checked(tolerances)",
        f"{MATH}/fairness/test_metrics.py::test_harm_needs_more_than_what_few_rows_can_fake",
    ),
    "an interval that is too narrow": one(
        "metafed.fairness.intervals",
        "half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error",
        "half = float(stdtrit(n - 1, CONFIDENCE)) * error",
        f"{MATH}/fairness/test_metrics.py::test_student_interval_is_students_t",
    ),
    "the best tenth called the worst": one(
        "metafed.fairness.metrics",
        "tail = np.sort(values, axis=-1)[..., : tail_size(values.shape[-1])]",
        "tail = np.sort(values, axis=-1)[..., -tail_size(values.shape[-1]) :]",
        f"{MATH}/fairness/test_metrics.py::test_fewer_than_ten_clients_have_their_extremes_as_tails",
    ),
    "columns of a CSV file shifted": one(
        "simulation.export",
        "[before, after, after - before,",
        "[after, before, after - before,",
        "tests/simulation/studies/test_export.py::test_files_hold_the_records_numbers",
    ),
}
