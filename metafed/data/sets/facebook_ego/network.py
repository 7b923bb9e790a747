"""A person's network without the person: how alike friends are by whom they know, and circles that overlap least."""

from itertools import combinations

import numpy as np

LARGEST = 14
"""So many of a person's circles, the largest, come into question."""
PLENTY = 8
"""Members of its own that are enough for a circle: beyond it, circles with more friends in all are better."""


def adjacency(friends: int, edges: np.ndarray) -> np.ndarray:
    """Return who knows whom, bool ``(friends, friends)``, from ``edges (m, 2)``; everyone knows himself."""
    known = np.eye(friends, dtype=bool)
    known[edges[:, 0], edges[:, 1]] = known[edges[:, 1], edges[:, 0]] = True
    return known


def likeness(known: np.ndarray) -> np.ndarray:
    """Return the cosine of any two friends' acquaintances ``(n, n)``: friends in common over the root of degrees.

    Salton's index (Salton, McGill 1983), with oneself among one's acquaintances.
    """
    knows = known.astype(np.float32)
    degree = knows.sum(1)
    return np.asarray(knows @ knows / np.sqrt(np.outer(degree, degree)))


def landmarks(alike: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    """Choose ``count`` friends, all over the network, by acquaintance alone: their numbers ``(count,)``.

    The first is whoever knows most; then, again and again, who knows most among the tenth of friends that is least
    like the landmarks so far.
    """
    degree = known.sum(1)
    chosen = [int(degree.argmax())]
    nearest = alike[:, chosen[0]].copy()
    while len(chosen) < count:
        far = np.argsort(nearest, kind="stable")[: max(3, len(alike) // 10)]
        chosen.append(int(far[degree[far].argmax()]))
        nearest = np.maximum(nearest, alike[:, chosen[-1]])
    return np.array(chosen)


def separate(member: np.ndarray, slots: int, fewest: int) -> np.ndarray | None:
    """Choose the ``slots`` circles that overlap least, out of the ``LARGEST`` largest.

    Those are the circles whose smallest number of members of its own, in none of the other circles chosen, is
    largest, as far as ``PLENTY``; and among these, those with the most such members in all.

    Args:
        member: Who is in which circle, bool ``(n, circles)``.
        slots: Circles to choose.
        fewest: Members of its own that every circle must have.

    Returns:
        The circles' numbers ``(slots,)``, ascending; None if there are none.
    """
    largest = np.argsort(-member.sum(0), kind="stable")[:LARGEST]
    best, chosen = (fewest - 1, 0), None
    for circles in combinations(sorted(largest.tolist()), slots):
        inside = member[:, circles]
        own = inside[inside.sum(1) == 1].sum(0)
        value = (int(min(own.min(), PLENTY)), int(own.sum()))
        if own.min() >= fewest and value > best:
            best, chosen = value, np.array(circles)
    return chosen
