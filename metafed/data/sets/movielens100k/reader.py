"""MovieLens 100K: 943 people who rated films; a like is a rating of 4 or 5.

Harper, Konstan, "The MovieLens Datasets", ACM TiiS 5(4), 2015. ``python -m simulation.data prepare
movielens100k`` makes the file. Features are the film's genres, age and number of ratings, and the
person's age, gender and occupation, as in MeLU (Lee et al., KDD 2019). None is made of ratings' values:
a film's mean rating would hold the labels that a client is evaluated by.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import Examples
from metafed.core.streams import stream
from metafed.data.sets.base import Dataset, arrays, require

GENRES = 19
DECADES = (1950, 1960, 1970, 1980, 1990, 1995, 1996, 1997)
AGES = (18, 25, 35, 45, 50, 56)
AGE_NAMES = ("under 18", "18-24", "25-34", "35-44", "45-49", "50-55", "56+")
OCCUPATIONS = 21
LIKE = 4
FEWEST = 20
"""Ratings that a person must have."""
FILM, PERSON = 2.0, 1.0
"""Size of an indicator that is on. What says the same in all rows of a client says less: it gets the smaller."""


class Table(NamedTuple):
    """The file's content, ratings sorted by person.

    Attributes:
        films: Features of the films ``(I, F)``.
        people: Features of the people ``(U, G)``.
        groups: Age band and gender of the people ``(U,)``.
        start: Person u's ratings are rows ``start[u]`` up to ``start[u + 1]``.
        film: Film of every rating ``(R,)``.
        like: Whether it is a like ``(R,)``.
        order: The people that are clients, in the order of clients.
        skipped: How many people are not.
    """

    films: np.ndarray
    people: np.ndarray
    groups: list[str]
    start: np.ndarray
    film: np.ndarray
    like: np.ndarray
    order: np.ndarray
    skipped: int


@final
class MovieLens100K(Dataset):
    """People who rated films."""

    features = GENRES + len(DECADES) + 1 + 1 + len(AGE_NAMES) + 1 + OCCUPATIONS
    outputs = 2
    file = Path("movielens100k/movielens100k.npz")
    licence = "research use, no redistribution (GroupLens)"
    remedy = "make it with: python -m simulation.data prepare movielens100k --from FOLDER-OF-ML-100K"

    @property
    def clients(self) -> int:
        """How many people have ratings enough."""
        return len(self.table.order)

    @property
    def notes(self) -> tuple[str, ...]:
        """People skipped, and the licence."""
        skipped = self.table.skipped
        few = (f"{skipped} of {skipped + self.clients} people have fewer than {FEWEST} ratings: skipped",)
        return (*(few if skipped else ()), f"licence: {self.licence}")

    @cached_property
    def table(self) -> Table:
        """The file's content.

        Raises:
            DataError: The file is missing or damaged.
        """
        path = self.path
        whole = dict.fromkeys(("user", "item", "rating", "item_year", "user_age", "user_occupation"), ("iu", 1))
        read = arrays(path, whole | {"item_genres": ("b", 2), "user_gender": ("U", 1)})
        user, item, rating = read["user"], read["item"], read["rating"]
        people, films = len(read["user_age"]), len(read["item_year"])
        require(path, len(user) > 0, "there is no rating")
        require(path, len(user) == len(item) == len(rating), "user, item and rating differ in length")
        require(path, user.min() >= 0 and user.max() < people, f"a user is not one of 0 … {people - 1}")
        require(path, item.min() >= 0 and item.max() < films, f"an item is not one of 0 … {films - 1}")
        require(path, bool(np.isin(rating, (1, 2, 3, 4, 5)).all()), "a rating is not one of 1 … 5")
        require(path, read["item_genres"].shape == (films, GENRES), f"item_genres is not ({films}, {GENRES})")
        for name in ("user_gender", "user_occupation"):
            require(path, len(read[name]) == people, f"{name} has {len(read[name])} rows, not {people}")
        jobs = read["user_occupation"]
        require(path, jobs.min() >= 0 and jobs.max() < OCCUPATIONS, f"an occupation is not 0 … {OCCUPATIONS - 1}")
        by_user = np.argsort(user, kind="stable")
        counts = np.bincount(user, minlength=people)
        enough = np.flatnonzero(counts >= FEWEST)
        order = stream(self.origin.seed, "movielens100k/order").permutation(enough)
        age = np.searchsorted(AGES, read["user_age"], side="right")
        return Table(
            films=_films(read["item_genres"], read["item_year"], np.bincount(item, minlength=films)),
            people=_people(age, read["user_gender"], read["user_occupation"]),
            groups=[f"{AGE_NAMES[a]} {g}" for a, g in zip(age, read["user_gender"], strict=True)],
            start=np.concatenate([[0], counts.cumsum()]),
            film=item[by_user].astype(np.int16),
            like=(rating[by_user] >= LIKE),
            order=order,
            skipped=people - len(enough),
        )

    def examples(self, client: int) -> Examples:
        """Return one person's ratings; the group is age band and gender, such as ``25-34 F``."""
        table = self.table
        person = table.order[client]
        rows = slice(table.start[person], table.start[person + 1])
        films = table.films[table.film[rows]]
        own = np.broadcast_to(table.people[person], (len(films), table.people.shape[1]))
        return Examples(
            x=np.concatenate([films, own], axis=1),
            y=table.like[rows].astype(np.int64),
            group=table.groups[person],
            oracle_score=np.full(len(films), np.nan),
        )


def _hot(index: np.ndarray, size: int, on: float) -> np.ndarray:
    """Return indicators ``(n, size)`` of ``index (n,)``."""
    return np.asarray(on * np.eye(size)[index], dtype=np.float32)


def _films(genres: np.ndarray, year: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return genres, years (0: unknown, all zero) and popularity, ``(I, F)``; ratings are counted, not read."""
    years = _hot(np.searchsorted(DECADES, year, side="right"), len(DECADES) + 1, FILM)
    years[year == 0] = 0
    popularity = (np.log1p(count) - 4.5)[:, None]
    return np.concatenate([FILM * genres, years, popularity], axis=1).astype(np.float32)


def _people(age: np.ndarray, gender: np.ndarray, occupation: np.ndarray) -> np.ndarray:
    """Return age band, gender and occupation ``(U, G)``."""
    female = PERSON * np.where(gender == "F", 0.5, -0.5)[:, None]
    hot = [_hot(age, len(AGE_NAMES), PERSON), female, _hot(occupation, OCCUPATIONS, PERSON)]
    return np.concatenate(hot, axis=1).astype(np.float32)
