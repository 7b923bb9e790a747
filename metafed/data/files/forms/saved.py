"""A folder that ``save_to_disk`` of Hugging Face's ``datasets`` wrote."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.data.files.forms.base import Form

if TYPE_CHECKING:
    import polars as pl

STATE, SPLITS = "state.json", "dataset_dict.json"
SPLIT = "split"
"""The column of a row's split, where the data set has several."""


@final
class Saved(Form):
    """The columns of the data set, labels by their names; and ``split`` where it has several."""

    name = "datasets"

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the Arrow files."""
        if (folder / STATE).is_file():
            return tuple(sorted(folder.glob("*.arrow")))
        return tuple(sorted(folder.glob("*/*.arrow"))) if (folder / SPLITS).is_file() else ()

    def keys(self, folder: Path) -> dict[str, Any]:
        """Nothing: what a column is for is not said there."""
        return {}

    def read(self, folder: Path) -> "pl.DataFrame":
        """Return the rows of all splits.

        Raises:
            DataError: The package is not installed, or the folder is damaged.
        """
        try:
            from datasets import load_from_disk
        except ImportError:
            raise DataError(f"{folder} needs the package datasets: pip install 'metafed[hf]'") from None
        try:
            found = load_from_disk(str(folder))
        except Exception as error:
            raise DataError(f"{folder} is damaged: {brief(error)}") from None
        return rows_of(found, str(folder))


def rows_of(dataset: Any, by: str) -> "pl.DataFrame":
    """Return the rows of a ``Dataset``, or of all splits of a ``DatasetDict``, with labels by their names.

    Raises:
        DataError: It is neither.
    """
    import polars as pl

    if isinstance(dataset, dict):
        parts = [rows_of(part, by).with_columns(pl.lit(name).alias(SPLIT)) for name, part in dataset.items()]
        if not parts:
            raise DataError(f"{by}: the data set has no split")
        return pl.concat(parts)
    if not (hasattr(dataset, "features") and hasattr(dataset, "with_format")):
        raise DataError(
            f"{by}: got {type(dataset).__name__}; give a Dataset or a DatasetDict of the package datasets, or the"
            " folder that save_to_disk wrote; of a streamed one take rows first"
        )
    frame: pl.DataFrame = dataset.with_format(None).to_polars()
    for name, feature in dataset.features.items():
        if hasattr(feature, "int2str") and frame.schema[name].is_integer():
            # -1 is what has no label
            names = dict(enumerate(feature.names))
            frame = frame.with_columns(pl.col(name).replace_strict(names, default=None, return_dtype=pl.String))
    return frame
