"""What ``summary.json`` says of fairness of adaptation: of a block's clients, by step and by group."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from metafed.fairness.adaptation import area, gains_by_step, headroom_gain, steps_to
from metafed.fairness.groups import SMALL, group_gap, group_means
from metafed.fairness.harmed import gain
from metafed.fairness.intervals import mean_interval, rank_correlation, without_interval
from metafed.fairness.metrics import Values, mean
from metafed.fairness.panel import Column, Panel

Block = dict[str, Any]
OF_TARGET = "the target is a mean of the same clients, and no interval that was tried holds (docs/decisions/0055)"
OF_ROOM = "divided by little, single gains decide the mean, and no interval that was tried holds (docs/decisions/0055)"


def adaptation(usable: Panel, targets: Mapping[str, float], least: float = -np.inf) -> Block:
    """Describe how the clients ``usable`` came from their first to their last score.

    Args:
        usable: The clients.
        targets: By family, the score that ``steps_to_target`` asks for.
        least: The lowest score that there can be; the highest is 1. Intervals end where their numbers can go.

    Returns:
        ``gain_by_step``: mean gain of each inner step; ``area``: mean score along the curve; ``steps_to_target``: mean
        of the first step with the family's target, K + 1 where never; ``never``: how many; ``headroom_gain``: gain as
        a share of what there was to gain, ``left_out`` where that is unknown or next to nothing; both without
        intervals, and also by group and device; ``data_poverty``: rank correlation of rows owned with gain.
    """
    before, after = usable.scores[:, 0], usable.scores[:, -1]
    wanted = np.array([targets[str(name)] for name in usable.family], np.float64)
    steps = steps_to(usable.scores, wanted)
    share = headroom_gain(before, after, usable.oracle_score)
    known = np.isfinite(share)
    each, most = gains_by_step(usable.scores), 1.0 - least
    return {
        "gain_by_step": [
            {"step": step + 1, **mean_interval(each[:, step], -most, most)._asdict()} for step in range(each.shape[1])
        ],
        "area": mean_interval(area(usable.scores), least, 1.0)._asdict(),
        "steps_to_target": {
            **without_interval(mean(steps), len(steps), OF_TARGET)._asdict(),
            "targets": {name: targets[name] for name in sorted(set(usable.family.astype(str)))},
            "never": int((steps > usable.scores.shape[1] - 1).sum()),
            "by_group": parity(steps, usable.group),
            "by_device": parity(steps, usable.device),
        },
        "headroom_gain": {
            **without_interval(mean(share[known]), int(known.sum()), OF_ROOM)._asdict(),
            "left_out": int((~known).sum()),
            "by_group": parity(share[known], usable.group[known]),
            "by_device": parity(share[known], usable.device[known]),
        },
        "data_poverty": rank_correlation(usable.n.astype(np.float64), gain(before, after))._asdict(),
    }


def parity(values: Values, labels: Column) -> Block:
    """Return the mean of each group, the lowest first, with its clients, and the ``gap``; null for one group."""
    names = labels.astype(str).tolist()
    groups = {
        name: {"value": value, "clients": names.count(name), "small": names.count(name) < SMALL}
        for name, value in group_means(values, names).items()
    }
    return {"gap": group_gap(values, names), "groups": groups}


def targets_of(people: Panel) -> dict[str, float]:
    """Return each family's target: the mean score after adaptation of all its usable clients, seen and unseen.

    It is the run's own level, so that it tells who needs more steps than others; it does not compare runs. A family
    without a usable client has 0.
    """
    usable, names = people.usable, np.unique(people.family.astype(str))
    return {str(name): mean(usable.scores[usable.family == name, -1]) or 0.0 for name in names}
