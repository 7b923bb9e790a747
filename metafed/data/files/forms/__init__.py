"""Folders in which data sets are published, read as they are: no description of columns is needed.

A new one is a class in a file of its own and a line in ``FORMS``.
"""

from pathlib import Path

from metafed.data.files.forms.base import Form
from metafed.data.files.forms.by_class import ByClass
from metafed.data.files.forms.cifar import Cifar
from metafed.data.files.forms.idx import Idx
from metafed.data.files.forms.leaf import Leaf
from metafed.data.files.forms.saved import Saved, rows_of

__all__ = ["FORMS", "KNOWN", "LEAF", "SAVED", "Form", "form_of", "rows_of"]

FORMS: tuple[Form, ...] = (Idx(), Cifar(), Saved(), Leaf(), ByClass())
"""In the order in which a folder is compared with them."""
LEAF, SAVED = Leaf.name, Saved.name
KNOWN = (
    "IDX files, as of Fashion-MNIST; data_batch_*.bin of CIFAR-10; JSON files of LEAF; what save_to_disk of datasets"
    " wrote; a folder of PNG or JPEG files for each class"
)


def form_of(folder: Path) -> Form | None:
    """Return the form of a folder; None for a file, and for a folder without files of any form."""
    if not folder.is_dir() or folder.suffix == ".parquet":
        return None
    return next((form for form in FORMS if form.files(folder)), None)
