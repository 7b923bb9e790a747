"""All faults, each with the tests that catch it. A new law gets a fault that it alone would catch."""

from tests.planted.drawing import DRAWING
from tests.planted.hiding import HIDING
from tests.planted.learning import EXACT, LEARNING
from tests.planted.planting import Fault
from tests.planted.telling import TELLING

PUBLISHED = {
    "first_order_in_disguise": Fault(
        (), [EXACT, "tests/integration/test_whole_path.py::test_a_federated_round_equals_the_centralised_step"]
    ),
    "wrong_rate_gradient": Fault(
        (),
        [
            "tests/metafed/algorithms/test_meta_gradients.py::test_the_gradient_of_the_rates_of_meta_sgd_is_the_product_of_the_two_gradients"
        ],
    ),
    "optimizer_made_anew": Fault((), ["tests/server/test_outer.py::test_moments_are_kept_from_round_to_round[adam]"]),
    "trained_on_evaluation_rows": Fault(
        (), ["tests/integration/test_leaks.py::test_training_and_evaluation_draw_from_different_rows[avatar]"]
    ),
    "adapted_on_the_query_set": Fault(
        (), ["tests/integration/test_leaks.py::test_evaluation_adapts_on_the_support_set_alone"]
    ),
}
FAULTS = {**PUBLISHED, **LEARNING, **DRAWING, **HIDING, **TELLING}
