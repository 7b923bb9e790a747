"""The publisher's files of MovieLens 100K, in two forms: GroupLens's own, and RecBole's atomic files.

GroupLens (README of ml-100k): ``u.data`` (tabs: user, item, rating, time), ``u.item`` (bars: id, title, date,
video date, URL, 19 flags of genre), ``u.user`` (bars: id, age, gender, occupation, zip), all latin-1.
RecBole: ``ml-100k.inter``, ``.item``, ``.user``, tabs, a header that types the columns.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, originals

T = TypeVar("T")

GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
OCCUPATIONS = (
    *("administrator", "artist", "doctor", "educator", "engineer", "entertainment", "executive", "healthcare"),
    *("homemaker", "lawyer", "librarian", "marketing", "none", "other", "programmer", "retired", "salesman"),
    *("scientist", "student", "technician", "writer"),
)
OWN = ("u.data", "u.item", "u.user")
RECBOLE = ("ml-100k.inter", "ml-100k.item", "ml-100k.user")


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the files in a folder or an archive, such as GroupLens's zip, into the arrays of ``movielens100k.npz``.

    Raises:
        DataError: Files are missing, or a line is damaged; the message gives its number.
    """
    with originals(path) as found:
        for names, reader in ((OWN, _own), (RECBOLE, _recbole)):
            files = [file for name in names if (file := found.find(name)) is not None]
            if len(files) == len(names):
                return reader(*files)
    raise DataError(f"{path} has neither {', '.join(OWN)} (GroupLens) nor {', '.join(RECBOLE)} (RecBole)")


def _own(data: Original, item: Original, user: Original) -> dict[str, np.ndarray]:
    items = _table(item, _split("|", 24, "latin-1"), _own_item)
    users = _table(user, _split("|", 5, "latin-1"), _user)
    return _arrays(items, users, data, _split("\t", 4, "latin-1"))


def _recbole(inter: Original, item: Original, user: Original) -> dict[str, np.ndarray]:
    items = _table(item, _columns("item_id", "release_year", "class"), _recbole_item)
    users = _table(user, _columns("user_id", "age", "gender", "occupation"), _user)
    return _arrays(items, users, inter, _columns("user_id", "item_id", "rating"))


Lines = Callable[[Original], Iterator[tuple[int, list[str]]]]
"""Yields each line's number, from 1, and its fields."""


def _split(mark: str, fields: int, encoding: str) -> Lines:
    def lines(file: Original) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(file.text(encoding).split("\n"), 1):
            if line.strip():
                parts = line.rstrip("\r").split(mark)
                if len(parts) != fields:
                    raise DataError(f"{file.where}, line {number}: {len(parts)} fields, expected {fields}")
                yield number, parts

    return lines


def _columns(*names: str) -> Lines:
    def lines(file: Original) -> Iterator[tuple[int, list[str]]]:
        first = file.text().partition("\n")[0]
        header = [column.partition(":")[0] for column in first.rstrip("\r").split("\t")]
        missing = [name for name in names if name not in header]
        if missing:
            raise DataError(f"{file.where}, line 1: columns {missing} are missing; it has {header}")
        wanted = [header.index(name) for name in names]
        rows = _split("\t", len(header), "utf-8")(file)
        next(rows)
        for number, parts in rows:
            yield number, [parts[column] for column in wanted]

    return lines


def _table(file: Original, lines: Lines, parse: Callable[[list[str]], T]) -> dict[str, T]:
    """Return what ``parse`` makes of each line, by the line's first field."""
    found: dict[str, T] = {}
    for number, fields in lines(file):
        if fields[0] in found:
            raise DataError(f"{file.where}, line {number}: id {fields[0]} was there before")
        try:
            found[fields[0]] = parse(fields[1:])
        except (ValueError, KeyError) as error:
            raise DataError(f"{file.where}, line {number}: {error}") from None
    return found


def _own_item(fields: list[str]) -> tuple[np.ndarray, int]:
    flags = np.array(fields[4:])
    if not np.isin(flags, ("0", "1")).all():
        raise ValueError("a genre's flag is neither 0 nor 1")
    return flags == "1", int(fields[1][-4:]) if fields[1] else 0


def _recbole_item(fields: list[str]) -> tuple[np.ndarray, int]:
    year, genres = fields
    unknown = set(genres.split()) - set(GENRES)
    if unknown:
        raise ValueError(f"genre {min(unknown)!r} is unknown")
    return np.isin(GENRES, genres.split() or ["unknown"]), int(year) if year.isdigit() else 0


def _user(fields: list[str]) -> tuple[int, str, int]:
    age, gender, occupation = fields[:3]
    if gender not in ("F", "M"):
        raise ValueError(f"gender {gender!r} is neither F nor M")
    if occupation not in OCCUPATIONS:
        raise ValueError(f"occupation {occupation!r} is unknown")
    return int(age), gender, OCCUPATIONS.index(occupation)


def _arrays(
    items: Mapping[str, tuple[np.ndarray, int]],
    users: Mapping[str, tuple[int, str, int]],
    file: Original,
    lines: Lines,
) -> dict[str, np.ndarray]:
    user_number = {name: number for number, name in enumerate(users)}
    item_number = {name: number for number, name in enumerate(items)}
    ratings = []
    for line, (user, item, rating, *_) in lines(file):
        if user not in user_number or item not in item_number:
            what = f"user {user}" if user not in user_number else f"item {item}"
            raise DataError(f"{file.where}, line {line}: {what} is unknown")
        if rating not in ("1", "2", "3", "4", "5"):
            raise DataError(f"{file.where}, line {line}: rating {rating!r} is not one of 1 … 5")
        ratings.append((user_number[user], item_number[item], int(rating)))
    if not ratings:
        raise DataError(f"{file.where} has no rating")
    user_of, item_of, value = np.array(ratings).T
    return {
        "user": user_of.astype(np.int16),
        "item": item_of.astype(np.int16),
        "rating": value.astype(np.int8),
        "item_genres": np.array([genres for genres, _ in items.values()]),
        "item_year": np.array([year for _, year in items.values()], np.int16),
        "user_age": np.array([age for age, _, _ in users.values()], np.int16),
        "user_gender": np.array([gender for _, gender, _ in users.values()]),
        "user_occupation": np.array([occupation for _, _, occupation in users.values()], np.int8),
    }
