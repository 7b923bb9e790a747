"""Faults of whose rows are drawn, when, and for what."""

from tests.planted.planting import one

MATH = "tests/metafed"
LEAKS = "tests/integration/test_leaks.py"
DRAWING = {
    "draws that depend on the chunk": one(
        "metafed.core.draws",
        "np.array(clients, np.uint64)",
        "np.arange(len(clients), dtype=np.uint64)",
        f"{MATH}/core/test_draws.py::test_an_episode_is_the_same_in_any_company",
    ),
    "the same draws in every round": one(
        "metafed.core.draws",
        "stream(seed, name, server_round)",
        "stream(seed, name)",
        f"{MATH}/core/test_draws.py::test_rounds_clients_names_and_seeds_have_numbers_of_their_own",
    ),
    "support rows in the query set": one(
        "metafed.core.draws",
        "evaluated = ~support & (",
        "evaluated = (",
        f"{MATH}/core/test_draws.py::test_as_many_rows_of_every_class_as_one_by_one_and_all_different",
    ),
    "one block on two sides": one(
        "metafed.core.episodes",
        "if block is None:",
        "if True:",
        f"{MATH}/core/test_splits.py::test_no_block_is_on_two_sides",
    ),
    "evaluation before training in time": one(
        "metafed.core.episodes",
        "stratum[np.argsort(own.time[stratum], kind=",
        "stratum[np.argsort(-own.time[stratum], kind=",
        f"{MATH}/data/table/test_own_data.py::test_with_a_time_evaluation_rows_are_the_later_half",
    ),
    "an unseen client sampled": one(
        "metafed.federation.roster",
        "Scene(self.seen, ",
        "Scene(self.experiment.clients, ",
        f"{LEAKS}::test_unseen_clients_are_never_in_a_cohort",
    ),
    "a client of every chunk lost": one(
        "metafed.federation.federation",
        "members[first:last])",
        "members[first : last - (last - first > 1)])",
        f"{MATH}/federation/test_roster.py::test_chunks_have_one_family_each_and_every_client_once",
    ),
    "the smallest losses chosen": one(
        "metafed.sampling.power_of_choice",
        "np.argsort(-losses",
        "np.argsort(losses",
        f"{MATH}/sampling/test_laws.py::test_power_of_choice_with_all_as_candidates_takes_the_largest_losses",
    ),
    "one's own table fitted on unseen clients": one(
        "metafed.data.table.source",
        "self._numbering.numbers[: self._numbering.seen]",
        "self._numbering.numbers",
        f"{MATH}/data/table/test_own_data.py::test_evaluation_rows_and_unseen_clients_have_no_say_in_what_is_fitted",
    ),
    "a deadline that is ignored": one(
        "metafed.devices.plan",
        "if deadline is not None and way.seconds > deadline:",
        "if False:",
        f"{MATH}/devices/test_plan.py::test_the_late_are_dropped_at_the_deadline_and_have_spent_what_they_did_until_then",
    ),
    "faults of honest clients": one(
        "metafed.faults.plan",
        "self._which.get(client)",
        "self._which.get(client, 0)",
        f"{MATH}/faults/test_plan.py::test_first_last_and_rate_say_when",
    ),
}
