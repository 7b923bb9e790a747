"""The algorithms, one a file. A new one is a class in a file of its own and a line in ``ALGORITHMS``."""

from metafed.algorithms.anil import Anil
from metafed.algorithms.apfl import Apfl
from metafed.algorithms.base import Algorithm, Outer, Update
from metafed.algorithms.boil import Boil
from metafed.algorithms.cavia import Cavia
from metafed.algorithms.ditto import Ditto
from metafed.algorithms.fedala import Fedala
from metafed.algorithms.fedavg import Fedavg
from metafed.algorithms.fedavg_ft import FedavgFt
from metafed.algorithms.fedavg_ft_head import FedavgFtHead
from metafed.algorithms.fedbabu import Fedbabu
from metafed.algorithms.fedbn import Fedbn
from metafed.algorithms.feddyn import Feddyn
from metafed.algorithms.fedem import Fedem
from metafed.algorithms.fednova import Fednova
from metafed.algorithms.fedopt import Fedadam, Fedavgm, Fedyogi
from metafed.algorithms.fedper import Fedper
from metafed.algorithms.fedproto import Fedproto
from metafed.algorithms.fedprox import Fedprox
from metafed.algorithms.fedrep import Fedrep
from metafed.algorithms.fedrod import Fedrod
from metafed.algorithms.fomaml import Fomaml
from metafed.algorithms.hf_maml import HfMaml
from metafed.algorithms.ifca import Ifca
from metafed.algorithms.imaml import Imaml
from metafed.algorithms.knn_per import KnnPer
from metafed.algorithms.local import Local
from metafed.algorithms.maml import Maml
from metafed.algorithms.maml_plus_plus import MamlPlusPlus
from metafed.algorithms.meta_sgd import MetaSgd
from metafed.algorithms.moon import Moon
from metafed.algorithms.pefll import Pefll
from metafed.algorithms.per_fedavg import PerFedavg
from metafed.algorithms.pfedme import Pfedme
from metafed.algorithms.protonet import Protonet
from metafed.algorithms.reptile import Reptile
from metafed.algorithms.scaffold import Scaffold

ALGORITHMS: dict[str, type[Algorithm]] = {
    # meta-learning: θ is trained to be adapted
    "maml": Maml,
    "fomaml": Fomaml,
    "hf-maml": HfMaml,
    "per-fedavg": PerFedavg,
    "reptile": Reptile,
    "anil": Anil,
    "boil": Boil,
    "cavia": Cavia,
    "imaml": Imaml,
    "meta-sgd": MetaSgd,
    "maml++": MamlPlusPlus,
    "protonet": Protonet,
    # one model for all
    "fedavg": Fedavg,
    "fedavg-ft": FedavgFt,
    "fedavg-ft-head": FedavgFtHead,
    "fedavgm": Fedavgm,
    "fedadam": Fedadam,
    "fedyogi": Fedyogi,
    "fedprox": Fedprox,
    "scaffold": Scaffold,
    "feddyn": Feddyn,
    "fednova": Fednova,
    "moon": Moon,
    # several models
    "ifca": Ifca,
    "fedem": Fedem,
    # a model, or a part of one, of everybody's own
    "local": Local,
    "ditto": Ditto,
    "apfl": Apfl,
    "fedala": Fedala,
    "pfedme": Pfedme,
    "fedper": Fedper,
    "fedrep": Fedrep,
    "fedbabu": Fedbabu,
    "fedbn": Fedbn,
    "fedrod": Fedrod,
    "pefll": Pefll,
    "knn-per": KnnPer,
    "fedproto": Fedproto,
}

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "Anil",
    "Apfl",
    "Boil",
    "Cavia",
    "Ditto",
    "Fedadam",
    "Fedala",
    "Fedavg",
    "FedavgFt",
    "FedavgFtHead",
    "Fedavgm",
    "Fedbabu",
    "Fedbn",
    "Feddyn",
    "Fedem",
    "Fednova",
    "Fedper",
    "Fedproto",
    "Fedprox",
    "Fedrep",
    "Fedrod",
    "Fedyogi",
    "Fomaml",
    "HfMaml",
    "Ifca",
    "Imaml",
    "KnnPer",
    "Local",
    "Maml",
    "MamlPlusPlus",
    "MetaSgd",
    "Moon",
    "Outer",
    "Pefll",
    "PerFedavg",
    "Pfedme",
    "Protonet",
    "Reptile",
    "Scaffold",
    "Update",
]
