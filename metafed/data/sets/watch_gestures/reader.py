"""Smart-watch shoulder exercises: a moment of wrist motion → which of seven exercises it is.

Burns et al. 2018, arXiv 1802.01489: ten people did seven exercises with either arm, about twenty times each, in one
recording an exercise. A client is a person's arm. A row is a window of the recording, described by its mean and by how
much it moves at each pace, not by when in the window a movement begins. The first half of every recording is for
meta-training and the second for evaluation, and an episode's support comes before its query.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import MINIMUM, Examples, Shots
from metafed.core.streams import stream
from metafed.data.sets.base import Dataset, arrays, require
from metafed.models import Inputs

EXERCISES = 7
CHANNELS = 6
"""Acceleration (g) and rotation (rad/s), along three axes each."""
WINDOW = 50
"""Samples in a row: 2 s; windows do not overlap."""
PAIR = 2
"""Successive samples that are one moment of a sequence, by their mean."""
PACES = 8
"""Frequencies in a row, 0.5 Hz apart, from 0.5 Hz on."""
UNIT = np.array([0.25, 0.25, 0.25, 0.75, 0.75, 0.75])
"""What is 1 in x, of each channel."""
SIDES = ("left arm", "right arm")


class Arm(NamedTuple):
    """One client.

    Attributes:
        user: The person.
        side: 0, the left arm, or 1, the right one.
        windows: Each exercise's windows in order, ``(n, WINDOW, CHANNELS)``, in units of ``UNIT``.
    """

    user: int
    side: int
    windows: list[np.ndarray]


@final
class WatchGestures(Dataset):
    """Arms of people who exercise."""

    features = CHANNELS * (1 + PACES)
    outputs = EXERCISES
    sequence = Inputs("sequence", (WINDOW // PAIR, CHANNELS))
    kind = "classification"
    shots = Shots(support=5, query=5, evaluation=10, per_class=True)
    file = Path("watch_gestures/watch_gestures.npz")
    licence = "BSD 3-clause, of the package that ships the file, (c) 2018 David M. Burns; none stated for the data"

    @property
    def clients(self) -> int:
        """How many arms there are."""
        return len(self._arms[0])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a client is, who is skipped, and the licence."""
        kept, skipped = self._arms
        people = len({arm.user for arm in kept})
        first = self.origin.unseen_from
        cut = first is not None and 0 < first < len(kept) and kept[first - 1].user == kept[first].user
        names = ", ".join(_name(arm.user, arm.side) for arm in skipped)
        few = f"{len(skipped)} arms without {MINIMUM} windows of each exercise: skipped ({names})"
        return (
            "classification: which exercise, by wrist motion; the family's other data are of pose",
            f"clients are arms: {people} people have {len(kept)}, numbered person by person",
            *(("one person has an arm in meta-training and the other held out",) if cut else ()),
            "the first half of each recording is for meta-training, the second for evaluation",
            *((few,) if skipped else ()),
            f"licence: {self.licence}",
        )

    @cached_property
    def _arms(self) -> tuple[list[Arm], list[Arm]]:
        """Clients in their order, which keeps a person's arms together, and arms with too few windows.

        Raises:
            DataError: The file is missing or damaged.
        """
        path = self.path
        of_recordings = ("recording_start", "recording_length", "recording_user", "recording_side", "recording_class")
        wanted = {"samples_q": ("i", 2), "scale": ("f", 1), "class_names": ("U", 1)}
        read = arrays(path, wanted | dict.fromkeys(of_recordings, ("iu", 1)))
        start, length, user, side, label = columns = [read[name].astype(np.int64) for name in of_recordings]
        samples, scale = read["samples_q"], read["scale"]
        require(path, samples.shape[1:] == (CHANNELS,), f"samples_q has shape {samples.shape}")
        require(path, scale.shape == (CHANNELS,) and bool(np.isfinite(scale).all()), "scale is not six numbers")
        classes = len(read["class_names"])
        require(path, classes == EXERCISES, f"{classes} exercises, not {EXERCISES}")
        require(path, len({len(each) for each in columns}) == 1, "recording_* differ in length")
        require(path, len(start) > 0, "there is no recording")
        inside = start.min() >= 0 and length.min() >= 0 and (start + length).max() <= len(samples)
        require(path, bool(inside), f"a recording lies outside of the {len(samples)} samples")
        require(path, bool(label.min() >= 0 and label.max() < EXERCISES), f"a class is not one of 0 … {EXERCISES - 1}")
        require(path, set(side.tolist()) <= {0, 1}, "a side is neither 0 (left) nor 1 (right)")
        found: dict[tuple[int, int], list[np.ndarray]] = {}
        for number in np.lexsort((label, side, user)):
            key = (int(user[number]), int(side[number]))
            windows = found.setdefault(key, [])
            require(path, len(windows) == label[number], f"{_name(*key)}: not one recording of each exercise")
            motion = samples[start[number] : start[number] + length[number]] * scale / UNIT
            whole = len(motion) // WINDOW
            windows.append(motion[: whole * WINDOW].reshape(whole, WINDOW, CHANNELS))
        arms = [Arm(*key, windows) for key, windows in found.items()]
        for arm in arms:
            whole = len(arm.windows) == EXERCISES
            require(path, whole, f"{_name(arm.user, arm.side)}: not one recording of each exercise")
        kept = [arm for arm in arms if min(map(len, arm.windows)) >= MINIMUM]
        skipped = [arm for arm in arms if min(map(len, arm.windows)) < MINIMUM]
        require(path, bool(kept), f"no arm has {MINIMUM} windows of each exercise")
        people = stream(self.origin.seed, "watch_gestures/order").permutation(sorted({arm.user for arm in kept}))
        return sorted(kept, key=lambda arm: (people.tolist().index(arm.user), arm.side)), skipped

    def examples(self, client: int) -> Examples:
        """Return one arm's windows; the group is the side."""
        arm = self._arms[0][client]
        sizes = [len(windows) for windows in arm.windows]
        return Examples(
            x=features_of(np.concatenate(arm.windows)),
            y=np.repeat(np.arange(EXERCISES), sizes),
            group=SIDES[arm.side],
            oracle_score=np.full(sum(sizes), np.nan),
            time=np.concatenate([np.arange(size) for size in sizes]),
        )

    def sequences(self, client: int) -> np.ndarray:
        """Return one arm's windows as they were recorded, ``(n, WINDOW / PAIR, CHANNELS)``."""
        windows = np.concatenate(self._arms[0][client].windows)
        return np.asarray(windows.reshape(len(windows), -1, PAIR, CHANNELS).mean(2))


def _name(user: int, side: int) -> str:
    return f"person {user}, {SIDES[side]}"


def features_of(windows: np.ndarray) -> np.ndarray:
    """Return the features ``(n, CHANNELS · (1 + PACES))`` of ``windows (n, WINDOW, CHANNELS)``.

    They are means, and square roots of amplitudes, so that slow and quick movements count alike.
    """
    waves = np.fft.rfft(windows, axis=1) * (2 / WINDOW)
    paces = np.sqrt(np.abs(waves[:, 1 : PACES + 1]))
    return np.concatenate([windows.mean(1), paces.reshape(len(windows), -1)], axis=1).astype(np.float32)
