"""Faults of privacy: noise, budgets, masks, secrets."""

from tests.planted.planting import one

MATH = "tests/metafed"
LOCAL = "tests/integration/test_local_privacy.py"
SUMS = f"{MATH}/secure/test_protocol.py::test_the_sum_is_exact_whoever_is_lost_in_any_phase"
HIDING = {
    "clipped after the noise": one(
        "metafed.privacy.shares",
        "yield noised(experiment, short, client, server_round) if own",
        "yield mechanism.cut(noised(experiment, one, client, server_round), clip) if own",
        f"{LOCAL}::test_what_a_client_sends_is_its_cut_share_under_noise_of_its_own",
    ),
    "noise shared by clients": one(
        "metafed.privacy.shares",
        '"dp/client", server_round, client)',
        '"dp/client", server_round)',
        f"{LOCAL}::test_no_two_clients_have_the_same_noise",
    ),
    "noise that is not scaled by the clip": one(
        "metafed.privacy.noisy_sum",
        "self.split.directions * clip",
        "self.split.directions",
        f"{MATH}/privacy/test_sensitivity.py::test_noise_has_the_deviation_that_is_accounted_for_and_denominators_depend_on_"
        "no_data",
    ),
    "one round more than the budget has": one(
        "metafed.privacy.noisy_sum",
        "budget is not None and self.epsilon(after) > budget",
        "budget is not None and self.epsilon(after - 1) > budget",
        f"{MATH}/privacy/test_accounting.py::test_a_run_that_goes_on_stops_before_it_overspends",
    ),
    "local noise accounted for as the server's": one(
        "metafed.privacy.accounting",
        """"one client's data become others", 2""",
        """"one client's data become others", 1""",
        f"{LOCAL}::test_epsilon_counts_every_round_and_no_sampling",
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
        "metafed.secure.settings",
        "int(share * clients + 1e-9) + 1",
        "int(share * clients + 1e-9)",
        f"{MATH}/secure/test_protocol.py::test_more_than_two_thirds_must_be_left_unless_a_share_is_set",
    ),
    "sums that wrap around": one(
        "metafed.secure.ring",
        "2.0 ** (62 - BITS)",
        "2.0 ** (64 - BITS)",
        f"{MATH}/secure/test_protocol.py::test_what_could_wrap_around_is_refused",
    ),
}
