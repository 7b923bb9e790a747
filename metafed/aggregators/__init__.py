"""The aggregators, one a file: how the clients' updates become one direction, whoever lies or stands alone.

A new one is a class in a file of its own and a line in ``AGGREGATORS``.
"""

from metafed.aggregators.base import Aggregator, Bounded, Direction, Gathered, UpdateRows
from metafed.aggregators.bulyan import Bulyan
from metafed.aggregators.centered_clipping import CenteredClipping
from metafed.aggregators.fedfv import Fedfv
from metafed.aggregators.fedmgda_plus import FedmgdaPlus
from metafed.aggregators.geometric_median import GeometricMedian
from metafed.aggregators.krum import Krum
from metafed.aggregators.mean import Mean
from metafed.aggregators.median import Median
from metafed.aggregators.multi_krum import MultiKrum
from metafed.aggregators.norm_clipping import NormClipping
from metafed.aggregators.sign_guard import SignGuard
from metafed.aggregators.trimmed_mean import TrimmedMean

AGGREGATORS: dict[str, type[Aggregator]] = {
    "mean": Mean,
    "median": Median,
    "trimmed-mean": TrimmedMean,
    "krum": Krum,
    "multi-krum": MultiKrum,
    "bulyan": Bulyan,
    "geometric-median": GeometricMedian,
    "norm-clipping": NormClipping,
    "centered-clipping": CenteredClipping,
    "sign-guard": SignGuard,
    # fair, not robust
    "fedfv": Fedfv,
    "fedmgda+": FedmgdaPlus,
}

__all__ = [
    "AGGREGATORS",
    "Aggregator",
    "Bounded",
    "Bulyan",
    "CenteredClipping",
    "Direction",
    "Fedfv",
    "FedmgdaPlus",
    "Gathered",
    "GeometricMedian",
    "Krum",
    "Mean",
    "Median",
    "MultiKrum",
    "NormClipping",
    "SignGuard",
    "TrimmedMean",
    "UpdateRows",
]
