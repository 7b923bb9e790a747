"""Scores of a classification, by classes ``(N,)`` and probabilities ``(N, K)`` of one client's rows."""

import numpy as np

from metafed.core.ranks import ranks

BINS = 15
"""Bins of the calibration error, as in the paper that it is from."""


def accuracy(target: np.ndarray, output: np.ndarray) -> float:
    """Return the share of rows that is predicted right."""
    return float((output.argmax(1) == target).mean())


def balanced_accuracy(target: np.ndarray, output: np.ndarray) -> float:
    """Return the mean over the classes that rows have of the share of their rows that is predicted right."""
    right = output.argmax(1) == target
    return float(np.mean([right[target == label].mean() for label in np.unique(target)]))


def macro_f1(target: np.ndarray, output: np.ndarray) -> float:
    """Return the mean of 2 TP / (2 TP + FP + FN) over the classes that rows have or are predicted to have."""
    predicted = output.argmax(1)
    labels = np.union1d(target, predicted)
    both = [2 * np.sum((target == label) & (predicted == label)) for label in labels]
    either = [np.sum(target == label) + np.sum(predicted == label) for label in labels]
    return float(np.mean(np.divide(both, either)))


def auc(target: np.ndarray, output: np.ndarray) -> float:
    """Return the mean over the classes that rows have of the area under the ROC curve, each against the rest.

    The area is the chance that a row of the class has a larger probability of it than another row, where equal ones
    count half (Mann and Whitney). It is undefined, NaN, where all rows have one class.
    """
    labels = np.unique(target)
    if len(labels) < 2:
        return float("nan")
    areas = []
    for label in labels:
        own = target == label
        count = int(own.sum())
        above = ranks(output[:, label])[own].sum() - count * (count + 1) / 2
        areas.append(above / (count * (len(target) - count)))
    return float(np.mean(areas))


def log_loss(target: np.ndarray, output: np.ndarray) -> float:
    """Return the mean of −log p of the rows' classes, in nats; infinite where a probability is 0. Lower is better."""
    with np.errstate(divide="ignore"):
        return float(-np.log(output[np.arange(len(target)), target]).mean())


def expected_calibration_error(target: np.ndarray, output: np.ndarray) -> float:
    """Return Σ |Bₘ|/n · |accuracy of Bₘ − mean confidence of Bₘ| over ``BINS`` bins of equal width; lower is better.

    Bin m has the rows whose largest probability lies in ((m − 1)/15, m/15] (Guo, Pleiss, Sun and Weinberger 2017,
    arXiv 1706.04599). On n rows of a perfectly calibrated model it is above 0 by chance, the more so for small n.
    """
    confidence, right = output.max(1), output.argmax(1) == target
    bins = np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="left")
    differences = np.bincount(bins, right - confidence, BINS)  # of each bin: rows × (accuracy − confidence)
    return float(np.abs(differences).sum() / len(target))
