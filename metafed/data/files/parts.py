"""A table may be a folder of Parquet files, as Spark and others write it."""

from pathlib import Path


def parts(path: Path) -> tuple[Path, ...]:
    """Return the Parquet files of a folder in the order of their names; ``path`` itself if it is no folder."""
    if not path.is_dir():
        return (path,)
    found = (part for part in path.iterdir() if part.suffix == ".parquet" and part.is_file())
    # what begins so is hidden, or no data
    return tuple(sorted(part for part in found if not part.name.startswith((".", "_"))))
