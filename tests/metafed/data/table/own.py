"""Tables and descriptions of one's own, written for tests."""

import csv

import numpy as np

from metafed.core.streams import stream
from metafed.data.family import own_family
from metafed.data.source import Origin

PLAIN = """
data = "people.csv"
client = "person"
target = "stars"
features = ["age", "minutes", "genre"]
group = "headset"
"""
STATED = """
data = "people.csv"
client = "person"
target = "stars"
group = "headset"
classes = [1, 2, 3, 4, 5]
[features]
age = [40, 15]
minutes = [20, 20]
genre = ["music", "puzzle", "travel"]
"""
GENRES = ("music", "puzzle", "travel")


def rows(clients=12, seed=0):
    """Return the rows of people with 8 to 30 ratings each, as dictionaries."""
    rng = stream(seed, "tests/own")
    made = []
    for person in range(clients):
        age, taste = int(rng.integers(14, 70)), rng.normal(0, 1.5, len(GENRES))
        headset = ("tethered", "standalone")[person % 2]
        for _ in range(int(rng.integers(8, 31))):
            genre, minutes = int(rng.integers(len(GENRES))), round(float(rng.exponential(20)), 3)
            stars = int(np.clip(round(3 + taste[genre] + rng.normal()), 1, 5))
            made.append(
                {
                    "person": f"p{person:03d}",
                    "age": age,
                    "minutes": minutes,
                    "genre": GENRES[genre],
                    "headset": headset,
                    "stars": stars,
                    "when": f"2024-{1 + len(made) % 12:02d}-{1 + len(made) % 28:02d}",
                }
            )
    # nobody's rows stand together in a real file
    return [made[k] for k in stream(seed, "tests/own/order").permutation(len(made))]


def write_csv(path, table):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def describe(folder, text=PLAIN, table=None, name="people.toml"):
    """Write a description, and its table where one is given; return the description's path."""
    (folder / name).write_text(text, encoding="utf-8")
    if table is not None:
        write_csv(folder / "people.csv", table)
    return folder / name


def deal(folder, text, table, held):
    """Write node P's description and rows, those of ``held[P]``, to ``folder/node-P``; return the folders."""
    folders = [folder / f"node-{number}" for number in range(len(held))]
    for each, names in zip(folders, held, strict=True):
        each.mkdir(parents=True)
        describe(each, text, [row for row in table if row["person"] in names])
    return folders


def source(path, seed=0, unseen_from=None, name="people", like=None):
    """Return the source of a description, as a run makes it."""
    family = own_family(name, str(path), like, ())
    return family.sources[str(path)](Origin(seed, (), unseen_from))


def everyone(made):
    """Return the rows of all clients by name, for comparing."""
    return {made.called(client): made.examples(client) for client in range(made.clients)}


def alike(one, other):
    """Say whether two clients' rows are the same bits."""
    words = ("group", "name")
    return all(getattr(one, word) == getattr(other, word) for word in words) and all(
        (left is None and right is None) or np.array_equal(left, right, equal_nan=True)
        for left, right in ((getattr(one, field), getattr(other, field)) for field in one._fields if field not in words)
    )
