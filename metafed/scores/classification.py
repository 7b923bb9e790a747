"""Scores of a classification, by classes ``(N,)`` and probabilities ``(N, K)`` of one client's rows.

Where rows have weights ``(N,)``, one of weight 2 counts as two rows.
"""

import numpy as np

BINS = 15
"""Bins of the calibration error, as in the paper that it is from."""


def accuracy(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the share of rows that is predicted right."""
    return float(np.average(output.argmax(1) == target, weights=weight))


def balanced_accuracy(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean over the classes that rows have of the share of their rows that is predicted right."""
    right, weight = output.argmax(1) == target, counted(target, weight)
    own = [target == label for label in np.unique(target)]
    return float(np.mean([weight[rows & right].sum() / weight[rows].sum() for rows in own]))


def macro_f1(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean of 2 TP / (2 TP + FP + FN) over the classes that rows have or are predicted to have."""
    predicted, weight = output.argmax(1), counted(target, weight)
    labels = np.union1d(target, predicted)
    both = [2 * weight[(target == label) & (predicted == label)].sum() for label in labels]
    either = [weight[target == label].sum() + weight[predicted == label].sum() for label in labels]
    return float(np.mean(np.divide(both, either)))


def auc(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean over the classes that rows have of the area under the ROC curve, each against the rest.

    The area is the chance that a row of the class has a larger probability of it than another row, where equal ones
    count half (Mann and Whitney). It is undefined, NaN, where all rows have one class.
    """
    labels = np.unique(target)
    if len(labels) < 2:
        return float("nan")
    areas, weight = [], counted(target, weight)
    for label in labels:
        own, chance = target == label, output[:, label]
        order = np.argsort(chance[~own])
        rest, below = chance[~own][order], np.append(0.0, weight[~own][order].cumsum())
        beaten = sum(below[rest.searchsorted(chance[own], side)] for side in ("left", "right")) / 2
        areas.append((weight[own] * beaten).sum() / (weight[own].sum() * below[-1]))
    return float(np.mean(areas))


def log_loss(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean of −log p of the rows' classes, in nats; infinite where a probability is 0. Lower is better."""
    with np.errstate(divide="ignore"):
        return float(np.average(-np.log(output[np.arange(len(target)), target]), weights=weight))


def expected_calibration_error(target: np.ndarray, output: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return Σ |Bₘ|/n · |accuracy of Bₘ − mean confidence of Bₘ| over ``BINS`` bins of equal width; lower is better.

    Bin m has the rows whose largest probability lies in ((m − 1)/15, m/15] (Guo, Pleiss, Sun and Weinberger 2017,
    arXiv 1706.04599). On n rows of a perfectly calibrated model it is above 0 by chance, the more so for small n.
    """
    confidence, right, weight = output.max(1), output.argmax(1) == target, counted(target, weight)
    bins = np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="left")
    # of each bin: rows × (accuracy − confidence)
    differences = np.bincount(bins, weight * (right - confidence), BINS)
    return float(np.abs(differences).sum() / weight.sum())


def counted(target: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Return how much each row counts ``(N,)``: 1 where rows have no weights."""
    return np.ones(len(target)) if weight is None else weight
