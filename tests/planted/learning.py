"""Faults of what clients learn and of how it is added up."""

from tests.planted.planting import one

EXACT = "tests/laws/test_maml_exact.py::test_meta_gradient_of_a_quadratic_equals_the_closed_form[2]"
MATH = "tests/metafed"
INNER = "metafed.algorithms.inner"
META = "metafed.algorithms.meta_gradient"
LEARNING = {
    "a direction of the wrong sign": one(
        META, "dict(zip(wrt, values, strict=True))", "dict(zip(wrt, (-v for v in values), strict=True))", EXACT
    ),
    "the meta-gradient cut at the adapted parameters": one(
        META, "episode.query, wrt=start", "episode.query, wrt=adapted", EXACT
    ),
    "adapted on the query set in training": one(
        META,
        "descend(task, start, episode.support, rates, graph=True)",
        "descend(task, start, episode.query, rates, graph=True)",
        EXACT,
    ),
    "evaluated on the support set in training": one(
        META, "adapted, episode.query, wrt=start", "adapted, episode.support, wrt=start", EXACT
    ),
    "inner steps uphill": one(INNER, "alpha=-rate)", "alpha=rate)", EXACT),
    "clients' weights ignored by the sum": one(
        "metafed.objectives.base",
        "(factors @ rows.double())",
        "(factors.sign() @ rows.double())",
        f"{MATH}/objectives/test_gradients.py::test_tilted[0.3]",
    ),
    "minimax favours whom it serves well": one(
        "metafed.objectives.minimax",
        "(losses[name] - middle)",
        "(middle - losses[name])",
        f"{MATH}/objectives/test_minimax.py::test_a_persistently_worst_client_takes_all_the_weight",
    ),
    "q-FFL without its power in the normaliser": one(
        "metafed.objectives.qffl",
        "(1 + self.q * squares",
        "(1 + squares",
        f"{MATH}/objectives/test_gradients.py::test_qffls_normaliser_has_the_gradient_over_all_of_a_clients_parts[3.0]",
    ),
    "Krum with a neighbour too many": one(
        "metafed.aggregators.krum",
        "- liars - 2",
        "- liars - 1",
        f"{MATH}/aggregators/test_exact.py::test_krum_is_its_definition",
    ),
    "a mean trimmed on one side": one(
        "metafed.aggregators.trimmed_mean",
        "[f : n - f]",
        "[f:n]",
        f"{MATH}/aggregators/test_exact.py::test_hand_computed",
    ),
}
