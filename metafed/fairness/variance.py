"""How much clients really differ: the variance of their scores, less what small query sets add to it."""

from typing import NamedTuple

import numpy as np

from metafed.fairness.metrics import Values, checked


class Between(NamedTuple):
    """Variance between clients.

    Attributes:
        observed: Variance of the scores, ddof 1; None below two clients.
        sampling: What the finite query sets add to it on average; None where it cannot be known.
        between: Their difference, at least 0.
        n: Clients.
        reason: Why a number is missing; empty where none is.
    """

    observed: float | None
    sampling: float | None
    between: float | None
    n: int
    reason: str


def between_variance(scores: Values, query: Values, kind: str) -> Between:
    """Return the variance of clients' true accuracies, estimated from accuracies on ``m_k`` query rows each.

    Var(p̂) = Var(p) + E[p (1 − p) / m], and p̂ (1 − p̂) / (m − 1) is unbiased for p (1 − p) / m where rows are drawn
    independently; so ``between = max(0, s² − mean_k p̂_k (1 − p̂_k) / (m_k − 1))``: the method of moments for a
    random effect. Without the correction, a method looks less fair on smaller query sets. Skill and return have no
    error that follows from the number of rows alone: there ``sampling`` is None.

    Args:
        scores: One a client, ``(n,)``.
        query: Rows in each client's query set ``(n,)``.
        kind: Of the clients' family.

    Raises:
        ValueError: A score is not finite, an accuracy is outside 0…1, or the shapes differ.
    """
    scores = checked(scores)
    n = scores.size
    if np.shape(query) != scores.shape:
        raise ValueError(f"{n} scores need one query size each, got {np.size(query)}")
    if n < 2:
        return Between(None, None, None, n, "fewer than 2 clients")
    observed = float((scores - scores[0]).var(ddof=1))
    if kind != "classification":
        return Between(observed, None, None, n, f"the error of a {kind} score does not follow from its rows alone")
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(f"accuracies lie in 0…1, got {scores.min()} … {scores.max()}")
    if np.min(query) < 2:
        return Between(observed, None, None, n, "a query set has fewer than 2 rows")
    sampling = float((scores * (1 - scores) / (np.asarray(query, np.float64) - 1)).mean())
    return Between(observed, sampling, max(0.0, observed - sampling), n, "")
