"""What happens to a round between sampling and the outer step: a stage a feature, one a file."""

from metafed.federation.federation import Federation
from server.stages.algorithm import AlgorithmStep
from server.stages.base import Older, Plan, Received, Stage
from server.stages.faults import Faults
from server.stages.node_clip import NodeClip
from server.stages.privacy import Noise
from server.stages.robust import RobustAggregation
from server.stages.scheduler import CohortScheduler
from server.stages.secure import SecureAggregation
from server.stages.weighting import Weighting
from server.stages.withheld import WithheldRows

ORDER: tuple[type[Stage], ...] = (
    CohortScheduler,  # who is asked
    Faults,  # studies: who works with an old θ, who lies
    NodeClip,  # no node takes the step for itself
    WithheldRows,  # what nodes say that keep rows
    SecureAggregation,  # the sum, unmasked
    Weighting,  # from the sum to directions
    Noise,  # from the clipped sum to noisy directions
    RobustAggregation,  # from single updates to directions
    AlgorithmStep,  # from means to the directions of an algorithm that has a part at the server
)
"""The stages, in the order in which each step of a round goes through them.

Hosts clip before they mask, so here masks go before noise is added.
"""


def stages_of(federation: Federation) -> list[Stage]:
    """Return the stages that an experiment has, in their order.

    Raises:
        DataError: The settings of one cannot be used.
    """
    return [stage for kind in ORDER if (stage := kind.of(federation)) is not None]


__all__ = ["ORDER", "CohortScheduler", "Older", "Plan", "Received", "Stage", "stages_of"]
