"""A table may be a folder: of Parquet files, as Spark and others write it, or of a published form."""

from pathlib import Path

from metafed.data.files.forms import form_of


def parts(path: Path) -> tuple[Path, ...]:
    """Return the files of a folder that are read, Parquet files in the order of their names; ``path`` if it is none."""
    if not path.is_dir():
        return (path,)
    if (form := form_of(path)) is not None:
        return form.files(path)
    found = (part for part in path.iterdir() if part.suffix == ".parquet" and part.is_file())
    # what begins so is hidden, or no data
    return tuple(sorted(part for part in found if not part.name.startswith((".", "_"))))
