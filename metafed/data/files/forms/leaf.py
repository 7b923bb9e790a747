"""LEAF's JSON files (Caldas et al. 2018, arXiv:1812.01097): ``users`` and ``user_data``, as its scripts make them."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np

from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.data.files.forms.base import Form, check_files

SIDES = ("train", "test")
"""Folders of LEAF's split into training and test."""
SIDE = 28
"""Height and width of an image of FEMNIST."""


@final
class Leaf(Form):
    """Columns ``user``, ``x``, ``y`` and, where there is a folder ``test``, ``test``."""

    name = "LEAF"

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the JSON files of the folder, or of its folders ``train`` and ``test``."""
        own = sorted(path for path in folder.glob("*.json") if not path.name.startswith("dataset_"))
        own = [path for path in own if path.name != "state.json"]
        return tuple(own or (path for side in SIDES for path in sorted((folder / side).glob("*.json"))))

    def keys(self, folder: Path) -> dict[str, Any]:
        """Return the roles: images of 784 numbers are those of FEMNIST, texts are characters."""
        columns = self.read(folder)
        x = columns["x"]
        features: Any = {"x": "characters"} if x.dtype == object else ["x"]
        image = {"image": [1, SIDE, SIDE]} if x.ndim == 2 and x.shape[1] == SIDE * SIDE else {}
        return {"client": "user", "target": "y", "features": features, **image, **_split(folder, self.files(folder))}

    def read(self, folder: Path) -> dict[str, np.ndarray]:
        """Return users, x ``(n, …)`` or texts, and y."""
        files = self.files(folder)
        return _read(folder, files, tuple(path.stat().st_mtime_ns for path in files))


def _split(folder: Path, files: tuple[Path, ...]) -> dict[str, Any]:
    """Use LEAF's own split where it is one by samples: a user is then on both sides."""
    sides = {path.parent.name for path in files if path.parent != folder}
    if sides != set(SIDES):
        return {}
    columns = _read(folder, files, tuple(path.stat().st_mtime_ns for path in files))
    users = [set(columns["user"][columns["test"] == side]) for side in (False, True)]
    return {"evaluation": "test"} if users[0] & users[1] else {}


@lru_cache(maxsize=2)
def _read(folder: Path, files: tuple[Path, ...], change: tuple[int, ...]) -> dict[str, np.ndarray]:
    check_files(files)
    users: list[str] = []
    xs: list[Any] = []
    ys: list[Any] = []
    test: list[bool] = []
    for path in files:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            whose, data = content["users"], content["user_data"]
            for user in whose:
                x, y = data[user]["x"], data[user]["y"]
                if len(x) != len(y):
                    raise DataError(f"{path}: user {user!r} has {len(x)} x and {len(y)} y")
                users += [str(user)] * len(y)
                xs += x
                ys += y
                test += [path.parent.name == "test" and path.parent != folder] * len(y)
        except DataError:
            raise
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            reason = f"{error!s} is missing" if isinstance(error, KeyError) else brief(error)
            raise DataError(
                f"{path} is no file of LEAF, a JSON object with users and user_data, with x and y of each: {reason}"
            ) from None
    if not users:
        raise DataError(f"{folder}: LEAF's files have no rows")
    return {"user": _objects(users), "x": _inputs(folder, users, xs), "y": _labels(ys), "test": np.array(test)}


def _inputs(folder: Path, users: list[str], xs: list[Any]) -> np.ndarray:
    if all(isinstance(x, str) for x in xs):
        return _objects(xs)
    try:
        return np.array(xs, np.float64)
    except (ValueError, TypeError):
        odd = next((place for place, x in enumerate(xs) if np.shape(x) != np.shape(xs[0])), 0)
        raise DataError(
            f"{folder}: x of user {users[odd]!r} is no list of {len(xs[0]) if isinstance(xs[0], list) else 1} numbers,"
            " as the first one is, and not all x are texts"
        ) from None


def _labels(ys: list[Any]) -> np.ndarray:
    found = np.asarray(ys) if not any(isinstance(y, str) for y in ys) else _objects(ys)
    return found if found.ndim == 1 else _objects([json.dumps(y) for y in ys])


def _objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found
