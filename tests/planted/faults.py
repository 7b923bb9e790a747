"""The faults, each with the tests that catch it. A new law gets a fault that it alone would catch."""

from tests.planted.planting import Change, Fault

EXACT = "tests/laws/test_maml_exact.py::test_meta_gradient_of_a_quadratic_equals_the_closed_form[2]"
MATH = "tests/metafed/"
LEAKS = "tests/integration/test_leaks.py::"
LOCAL = "tests/integration/test_local_privacy.py::"
RESUMED = (
    "tests/integration/resume/test_resume.py::test_a_run_killed_between_two_checkpoints_ends_with_the_bits_of_one_"
)
SUMS = f"{MATH}secure/test_protocol.py::test_the_sum_is_exact_whoever_is_lost_in_any_phase"


def one(module: str, old: str, new: str, *caught_by: str) -> Fault:
    """Return a fault in one place."""
    return Fault([Change(module, old, new)], caught_by)


PUBLISHED = {
    "first_order_in_disguise": Fault(
        (), [EXACT, "tests/integration/test_whole_path.py::test_a_federated_round_equals_the_centralised_step"]
    ),
    "wrong_rate_gradient": Fault(
        (), [f"{MATH}algorithms/test_meta_gradients.py::test_the_gradient_of_the_rates_of_meta_sgd_is"]
    ),
    "optimizer_made_anew": Fault((), ["tests/server/test_outer.py::test_moments_are_kept_from_round_to_round[adam]"]),
    "trained_on_evaluation_rows": Fault((), [f"{LEAKS}test_training_and_evaluation_draw_from_different_rows[avatar]"]),
    "adapted_on_the_query_set": Fault((), [f"{LEAKS}test_evaluation_adapts_on_the_support_set_alone"]),
}
INNER = "metafed.algorithms.inner"
LEARNING = {
    "a direction of the wrong sign": one(
        INNER, "dict(zip(wrt, values, strict=True))", "dict(zip(wrt, (-v for v in values), strict=True))", EXACT
    ),
    "the meta-gradient cut at the adapted parameters": one(
        INNER, "wrt=start if second_order else adapted", "wrt=adapted", EXACT
    ),
    "adapted on the query set in training": one(
        INNER, "descend(task, start, episode.support", "descend(task, start, episode.query", EXACT
    ),
    "judged on the support set in training": one(
        INNER, "adapted, episode.query, wrt", "adapted, episode.support, wrt", EXACT
    ),
    "inner steps uphill": one(INNER, "alpha=-rate)", "alpha=rate)", EXACT),
    "rows of clients weigh nothing": one(
        "metafed.objectives.base",
        "(factors @ rows.double())",
        "(factors.sign() @ rows.double())",
        f"{MATH}objectives/test_neutral.py::test_weights_by_rows_multiply_the_algorithms_weights",
    ),
    "minimax favours whom it serves well": one(
        "metafed.objectives.minimax",
        "(losses[name] - middle)",
        "(middle - losses[name])",
        f"{MATH}objectives/test_minimax.py::test_a_persistently_worst_client_takes_all_the_weight",
    ),
    "q-FFL without its power in the normaliser": one(
        "metafed.objectives.qffl",
        "(1 + self.q * squares",
        "(1 + squares",
        f"{MATH}objectives/test_gradients.py::test_qffls_normaliser_has_the_gradient_over_all_of_a_clients_parts[3.0]",
    ),
    "Krum with a neighbour too many": one(
        "metafed.aggregators.krum",
        "- liars - 2",
        "- liars - 1",
        f"{MATH}aggregators/test_exact.py::test_krum_is_its_definition",
    ),
    "a mean trimmed on one side": one(
        "metafed.aggregators.trimmed_mean",
        "[f : n - f]",
        "[f:n]",
        f"{MATH}aggregators/test_exact.py::test_hand_computed",
    ),
}
DRAWING = {
    "draws that depend on the chunk": one(
        "metafed.core.draws",
        "np.array(clients, np.uint64)",
        "np.arange(len(clients), dtype=np.uint64)",
        f"{MATH}core/test_draws.py::test_an_episode_is_the_same_in_any_company",
    ),
    "the same draws in every round": one(
        "metafed.core.draws",
        "stream(seed, name, server_round)",
        "stream(seed, name)",
        f"{MATH}core/test_draws.py::test_rounds_clients_names_and_seeds_have_numbers_of_their_own",
    ),
    "support rows in the query set": one(
        "metafed.core.draws",
        "judged = ~support & (",
        "judged = (",
        f"{MATH}core/test_draws.py::test_as_many_rows_of_every_class_as_one_by_one_and_all_different",
    ),
    "one block on two sides": one(
        "metafed.core.episodes",
        "if block is None:",
        "if True:",
        f"{MATH}core/test_splits.py::test_no_block_is_on_two_sides",
    ),
    "evaluation before training in time": one(
        "metafed.core.episodes",
        "return order[: (len(order) + 1) // 2], order[(len(order) + 1) // 2 :]",
        "return order[(len(order) + 1) // 2 :], order[: (len(order) + 1) // 2]",
        f"{MATH}data/table/test_own_data.py::test_with_a_time_evaluation_rows_are_the_later_half",
    ),
    "an unseen client sampled": one(
        "metafed.federation.roster",
        "Scene(self.seen, ",
        "Scene(self.experiment.clients, ",
        f"{LEAKS}test_unseen_clients_are_never_in_a_cohort",
    ),
    "a client of every chunk lost": one(
        "metafed.federation.roster",
        "members[first:last])",
        "members[first : last - (last - first > 1)])",
        f"{MATH}federation/test_roster.py::test_chunks_have_one_family_each_and_every_client_once",
    ),
    "the smallest losses chosen": one(
        "metafed.sampling.power_of_choice",
        "np.argsort(-losses",
        "np.argsort(losses",
        f"{MATH}sampling/test_laws.py::test_power_of_choice_with_all_as_candidates_takes_the_largest_losses",
    ),
    "one's own table fitted on unseen clients": one(
        "metafed.data.table.source",
        "self._numbering.numbers[: self._numbering.seen]",
        "self._numbering.numbers",
        f"{MATH}data/table/test_own_data.py::test_evaluation_rows_and_unseen_clients_have_no_say_in_what_is_fitted",
    ),
    "a deadline that is ignored": one(
        "metafed.devices.plan",
        "if deadline is not None and way.seconds > deadline:",
        "if False:",
        f"{MATH}devices/test_plan.py::test_the_late_are_dropped_at_the_deadline_and_have_spent_what_they_did_until_then",
    ),
    "faults of honest clients": one(
        "metafed.faults.plan",
        "self._which.get(client)",
        "self._which.get(client, 0)",
        f"{MATH}faults/test_plan.py::test_first_last_and_rate_say_when",
    ),
}
HIDING = {
    "clipped after the noise": one(
        "metafed.privacy.clipping",
        "yield noised(experiment, cut(one, clip), client, server_round) if local",
        "yield cut(noised(experiment, one, client, server_round), clip) if local",
        f"{LOCAL}test_what_a_client_sends_is_its_cut_share_under_noise_of_its_own",
    ),
    "noise shared by clients": one(
        "metafed.privacy.local",
        'stream(experiment.seed, "dp/client", server_round, client)',
        'stream(experiment.seed, "dp/client", server_round)',
        f"{LOCAL}test_what_a_client_sends_is_its_cut_share_under_noise_of_its_own",
    ),
    "noise that is not scaled by the clip": one(
        "metafed.privacy.mechanism",
        "(self.split.directions * clip)",
        "self.split.directions",
        f"{MATH}privacy/test_sensitivity.py::test_noise_has_the_deviation_that_is_accounted_for_and_denominators_depend_on_"
        "no_data",
    ),
    "one round more than the budget has": one(
        "metafed.privacy.mechanism",
        'budget is not None and self._epsilon(self.state["rounds"] + 1) > budget',
        'budget is not None and self._epsilon(self.state["rounds"]) > budget',
        f"{MATH}privacy/test_accounting.py::test_a_run_that_goes_on_stops_before_it_overspends",
    ),
    "local noise accounted for as the server's": one(
        "metafed.privacy.accounting",
        "return dp.GaussianDpEvent(noise / 2)",
        "return dp.GaussianDpEvent(noise)",
        f"{LOCAL}test_epsilon_counts_every_round_and_no_sampling",
    ),
    "masks that do not cancel": one(
        "metafed.secure.party",
        "hidden + mask if self.client < other else hidden - mask",
        "hidden + mask",
        f"{SUMS}[0.0-all]",
    ),
    "a lost client's mask taken off the wrong way": one(
        "metafed.secure.total",
        "total - mask if other < client else total + mask",
        "total + mask if other < client else total - mask",
        f"{SUMS}[0.2-input]",
    ),
    "a threshold off by one": one(
        "metafed.secure.party",
        "int(share * clients + 1e-9) + 1",
        "int(share * clients + 1e-9)",
        f"{MATH}secure/test_protocol.py::test_more_than_two_thirds_must_be_left_unless_a_share_is_set",
    ),
    "sums that wrap around": one(
        "metafed.secure.ring",
        "2.0 ** (62 - BITS)",
        "2.0 ** (64 - BITS)",
        f"{MATH}secure/test_protocol.py::test_what_could_wrap_around_is_refused",
    ),
}
TELLING = {
    "a checkpoint without the optimizer's moments": one(
        "server.checkpoint",
        "for p, kept in checkpoint.moments.items()",
        "for p, kept in ()",
        f"{RESUMED}that_was_not[ditto]",
    ),
    "a checkpoint without the objective's state": one(
        "server.checkpoint",
        "objective=dict(checkpoint.objective)",
        "objective={}",
        f"{RESUMED}that_was_not[AFL over clients]",
    ),
    "a round skipped on resuming": one(
        "server.checkpoint",
        "Checkpoint(page.round, theta",
        "Checkpoint(page.round + 1, theta",
        f"{RESUMED}that_was_not[ditto]",
    ),
    "harm counted where there is none": one(
        "metafed.fairness.harmed",
        "< -checked(tolerances)",
        "< checked(tolerances)",
        f"{MATH}fairness/test_metrics.py::test_harm_needs_more_than_what_few_rows_can_fake",
    ),
    "an interval that is too narrow": one(
        "metafed.fairness.intervals",
        "half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error",
        "half = float(stdtrit(n - 1, CONFIDENCE)) * error",
        f"{MATH}fairness/test_metrics.py::test_mean_interval_is_students_t",
    ),
    "the best tenth called the worst": one(
        "metafed.fairness.metrics",
        "tail = np.sort(values, axis=-1)[..., : tail_size(values.shape[-1])]",
        "tail = np.sort(values, axis=-1)[..., -tail_size(values.shape[-1]) :]",
        f"{MATH}fairness/test_metrics.py::test_fewer_than_ten_clients_have_their_extremes_as_tails",
    ),
    "columns of a CSV file shifted": one(
        "simulation.export",
        "[before, after, after - before,",
        "[after, before, after - before,",
        "tests/simulation/studies/test_export.py::test_files_hold_the_records_numbers",
    ),
}
FAULTS = {**PUBLISHED, **LEARNING, **DRAWING, **HIDING, **TELLING}
