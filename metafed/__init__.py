"""metafed: the mathematics of federated meta-learning, free of any federation runtime.

Nothing in this package imports Flower or Ray. A client axis leads every tensor: parameters are
``(C, …)``, inputs ``(C, N, …)``, and one client is ``C = 1``.

``import metafed as mf`` gives the public names, each imported when it is first used; ``docs/python.md`` shows how they
go together. Nothing of ours imports from here.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from metafed.aggregators import Aggregator as Aggregator
    from metafed.aggregators import Bulyan as Bulyan
    from metafed.aggregators import CenteredClipping as CenteredClipping
    from metafed.aggregators import FedFv as FedFv
    from metafed.aggregators import FedMgdaPlus as FedMgdaPlus
    from metafed.aggregators import GeometricMedian as GeometricMedian
    from metafed.aggregators import Krum as Krum
    from metafed.aggregators import Median as Median
    from metafed.aggregators import MultiKrum as MultiKrum
    from metafed.aggregators import NormClipping as NormClipping
    from metafed.aggregators import SignGuard as SignGuard
    from metafed.aggregators import TrimmedMean as TrimmedMean
    from metafed.algorithms import Algorithm as Algorithm
    from metafed.algorithms import Anil as Anil
    from metafed.algorithms import Ditto as Ditto
    from metafed.algorithms import Fedavg as Fedavg
    from metafed.algorithms import FedavgFt as FedavgFt
    from metafed.algorithms import FedDyn as FedDyn
    from metafed.algorithms import FedEm as FedEm
    from metafed.algorithms import FedNova as FedNova
    from metafed.algorithms import Fedper as Fedper
    from metafed.algorithms import FedProto as FedProto
    from metafed.algorithms import Fedprox as Fedprox
    from metafed.algorithms import Fedrep as Fedrep
    from metafed.algorithms import Fomaml as Fomaml
    from metafed.algorithms import HfMaml as HfMaml
    from metafed.algorithms import Ifca as Ifca
    from metafed.algorithms import KnnPer as KnnPer
    from metafed.algorithms import Local as Local
    from metafed.algorithms import Maml as Maml
    from metafed.algorithms import MamlPlusPlus as MamlPlusPlus
    from metafed.algorithms import MetaSgd as MetaSgd
    from metafed.algorithms import Outer as Outer
    from metafed.algorithms import PerFedavg as PerFedavg
    from metafed.algorithms import Pfedme as Pfedme
    from metafed.algorithms import Protonet as Protonet
    from metafed.algorithms import Reptile as Reptile
    from metafed.algorithms import Scaffold as Scaffold
    from metafed.algorithms import Update as Update
    from metafed.algorithms.inner import Descent as Descent
    from metafed.algorithms.meta_gradient import MetaGradient as MetaGradient
    from metafed.core.episodes import Batch as Batch
    from metafed.core.episodes import Episode as Episode
    from metafed.core.episodes import Examples as Examples
    from metafed.core.episodes import Shots as Shots
    from metafed.core.errors import DataError as DataError
    from metafed.core.errors import SettingError as SettingError
    from metafed.data.family import Family as Family
    from metafed.data.partition import ClassesPerClient as ClassesPerClient
    from metafed.data.partition import Dirichlet as Dirichlet
    from metafed.data.partition import EqualDirichlet as EqualDirichlet
    from metafed.data.partition import Iid as Iid
    from metafed.data.partition import Quantity as Quantity
    from metafed.data.partition import Shards as Shards
    from metafed.data.source import Origin as Origin
    from metafed.data.source import Source as Source
    from metafed.devices.settings import Devices as Devices
    from metafed.experiment.settings import Experiment as Experiment
    from metafed.fairness.intervals import Estimate as Estimate
    from metafed.faults import Fault as Fault
    from metafed.faults import read_faults as read_faults
    from metafed.models import Inputs as Inputs
    from metafed.models import Network as Network
    from metafed.models import without_running_statistics as without_running_statistics
    from metafed.objectives import ClientUpdates as ClientUpdates
    from metafed.objectives import Contribution as Contribution
    from metafed.objectives import Cvar as Cvar
    from metafed.objectives import Gap as Gap
    from metafed.objectives import Mean as Mean
    from metafed.objectives import Minimax as Minimax
    from metafed.objectives import Objective as Objective
    from metafed.objectives import Propfair as Propfair
    from metafed.objectives import Qffl as Qffl
    from metafed.objectives import Tilted as Tilted
    from metafed.objectives import Weighted as Weighted
    from metafed.privacy import CentralGaussian as CentralGaussian
    from metafed.privacy import LocalGaussian as LocalGaussian
    from metafed.privacy import Mechanism as Mechanism
    from metafed.privacy.settings import Privacy as Privacy
    from metafed.sampling import Availability as Availability
    from metafed.sampling import Data as Data
    from metafed.sampling import Poisson as Poisson
    from metafed.sampling import PowerOfChoice as PowerOfChoice
    from metafed.sampling import Sampler as Sampler
    from metafed.sampling import Scene as Scene
    from metafed.sampling import Uniform as Uniform
    from metafed.secure.settings import Secure as Secure
    from metafed.tasks.task import Task as Task
    from metafed.training.settings import ClientTraining as ClientTraining
    from metafed.training.settings import FineTuning as FineTuning
    from simulation.api.federation import Federation as Federation

HOMES = {
    "metafed.aggregators": "Aggregator Bulyan CenteredClipping FedFv FedMgdaPlus GeometricMedian Krum Median MultiKrum"
    " NormClipping SignGuard TrimmedMean",
    "metafed.algorithms": "Algorithm Anil Ditto FedDyn FedEm FedNova FedProto Fedavg FedavgFt Fedper Fedprox Fedrep"
    " Fomaml HfMaml Ifca KnnPer Local Maml MamlPlusPlus MetaSgd Outer PerFedavg Pfedme Protonet Reptile Scaffold"
    " Update",
    "metafed.algorithms.inner": "Descent",
    "metafed.algorithms.meta_gradient": "MetaGradient",
    "metafed.core.episodes": "Batch Episode Examples Shots",
    "metafed.core.errors": "DataError SettingError",
    "metafed.data.family": "Family",
    "metafed.data.partition": "ClassesPerClient Dirichlet EqualDirichlet Iid Quantity Shards",
    "metafed.data.source": "Origin Source",
    "metafed.devices.settings": "Devices",
    "metafed.experiment.settings": "Experiment",
    "metafed.fairness.intervals": "Estimate",
    "metafed.faults": "Fault read_faults",
    "metafed.models": "Inputs Network without_running_statistics",
    "metafed.objectives": "ClientUpdates Contribution Cvar Gap Mean Minimax Objective Propfair Qffl Tilted Weighted",
    "metafed.privacy": "CentralGaussian LocalGaussian Mechanism",
    "metafed.privacy.settings": "Privacy",
    "metafed.sampling": "Availability Data Poisson PowerOfChoice Sampler Scene Uniform",
    "metafed.secure.settings": "Secure",
    "metafed.tasks.task": "Task",
    "metafed.training.settings": "ClientTraining FineTuning",
    # it is above this package: a round needs a server and hosts
    "simulation.api.federation": "Federation",
}
"""Module → the public names that it defines."""
PUBLIC = {name: module for module, names in HOMES.items() for name in names.split()}
"""Public name → the module that defines it."""
__all__ = ["__version__", *PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in PUBLIC:
        from metafed.core.names import near

        raise AttributeError(f"metafed has no public name {name!r}{near(name, PUBLIC)}")
    found = globals()[name] = getattr(importlib.import_module(PUBLIC[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
