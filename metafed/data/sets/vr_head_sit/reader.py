"""Heads of 15 people who watched 360° videos: the last turns of a head → its next one, half a second later.

Nguyen 2022 (github.com/naiwaaa/sit-vr-viewport-prediction). A client is a person. A session, one video from its
beginning to its end, is the smallest thing to be split. Every person saw some of the videos twice, with and without
subtitles, so that support and query may be of the same video, but never of the same session.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import MINIMUM, Examples
from metafed.core.streams import stream
from metafed.data.files.shared import by_file
from metafed.data.sequence import windows
from metafed.data.sets.base import Dataset, arrays, in_blocks, require
from metafed.models import Inputs

COLUMNS = ("time_s", "pitch_rad", "yaw_rad", "roll_rad", "inclination_rad", "azimuth_rad")
PITCH, YAW, ROLL = (COLUMNS.index(name) for name in ("pitch_rad", "yaw_rad", "roll_rad"))
RATE = 2.0
"""Samples a second."""
TURNS = 3
"""Turns between successive samples that are seen, the newest first."""
SEEN = 10
"""Samples in a sequence, five seconds; a session's first rows have fewer before them."""
UNIT = 0.2
"""Radians that are 1 in x and y."""


class Sessions(NamedTuple):
    """The file's content.

    Attributes:
        samples: One row of ``COLUMNS`` a sample ``(n, 6)``.
        start: First sample of each session ``(S,)``.
        length: Samples of each session ``(S,)``.
        user: Each session's person ``(S,)``.
    """

    samples: np.ndarray
    start: np.ndarray
    length: np.ndarray
    user: np.ndarray

    def of(self, person: int) -> list[int]:
        """Return the sessions of a person that have a row."""
        return np.flatnonzero((self.user == person) & (self.length > TURNS + 1)).tolist()

    def rows(self, session: int) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(n, 8)`` and the next turns ``(n, 2)``, yaw and pitch, of one session."""
        own = self.samples[self.start[session] :][: self.length[session]].astype(np.float64)
        turns = turned(np.diff(own[:, [YAW, PITCH]], axis=0))
        now = slice(TURNS, len(own) - 1)
        seen = [turns[TURNS - 1 - back : len(turns) - 1 - back] for back in range(TURNS)]
        return np.concatenate([*seen, turned(own[now][:, [PITCH, ROLL]])], axis=1) / UNIT, turns[TURNS:] / UNIT

    def sequences(self, session: int) -> np.ndarray:
        """Return turn, pitch and roll at the last samples before each row of ``rows``, ``(n, SEEN, 5)``."""
        own = self.samples[self.start[session] :][: self.length[session]].astype(np.float64)
        moments = np.concatenate(
            [turned(np.diff(own[:, [YAW, PITCH]], axis=0)), turned(own[1:][:, [PITCH, ROLL]])], axis=1
        )
        return windows(moments / UNIT, np.arange(len(moments)), SEEN)[TURNS - 1 : len(own) - 2]


def turned(angle: np.ndarray) -> np.ndarray:
    """Return angles in ±π."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


@final
class VrHeadSit(Dataset):
    """People and where they looked."""

    features = 2 * TURNS + 2
    outputs = 2
    sequence = Inputs("sequence", (SEEN, 5), masked=True)
    file = Path("vr_head_sit/vr_head_sit.npz")
    licence = "MIT, copyright 2022 Tho Nguyen"

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """Turns in yaw and pitch, newest first; then the head's pitch and roll."""
        turns = ("last", *(f"{back + 1} before" for back in range(TURNS - 1)))
        names = [f"{angle} turn, {when}" for when in turns for angle in ("yaw", "pitch")]
        return tuple((name, 1) for name in (*names, "pitch", "roll"))

    def called(self, client: int) -> str:
        """Return the person's number."""
        return f"user {self._people[0][client]}"

    @property
    def clients(self) -> int:
        """How many people have sessions enough."""
        return len(self._people[0])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the groups are, people skipped, and the licence."""
        skipped = len(self._people[1])
        return (
            "groups are the calmer and the livelier half of the people, by how fast their heads turn",
            "people saw videos twice, with and without subtitles: support and query share videos, not sessions",
            *((f"{skipped} people with fewer than {MINIMUM} sessions: skipped",) if skipped else ()),
            f"licence: {self.licence}",
        )

    @cached_property
    def _people(self) -> tuple[list[int], list[int]]:
        """Clients in their order, and people with too few sessions."""
        people = np.unique(self.table.user)
        enough = np.array([len(self.table.of(person)) >= MINIMUM for person in people])
        require(self.path, bool(enough.any()), f"nobody has {MINIMUM} sessions of {TURNS + 2} samples")
        order = stream(self.origin.seed, "vr_head_sit/order").permutation(people[enough])
        return order.tolist(), people[~enough].tolist()

    @cached_property
    def _middle(self) -> float:
        """Median of the clients' liveliness."""
        return float(np.median([self._liveliness(person) for person in self._people[0]]))

    def _liveliness(self, person: int) -> float:
        """Return the root mean square of a person's turns, in ``UNIT``."""
        turns = np.concatenate([self.table.rows(session)[1] for session in self.table.of(person)])
        return float(np.sqrt(np.square(turns).sum(1).mean()))

    @cached_property
    @by_file
    def table(self) -> Sessions:
        """The file's content.

        Raises:
            DataError: The file is missing or damaged.
        """
        path = self.path
        wanted = {"columns": ("U", 1), "samples": ("f", 2)}
        read = arrays(path, wanted | dict.fromkeys(("session_start", "session_length", "session_user"), ("iu", 1)))
        columns, samples = read["columns"].tolist(), read["samples"]
        require(path, columns == list(COLUMNS), f"the columns are {columns}, expected {list(COLUMNS)}")
        require(path, samples.shape[1] == len(COLUMNS), f"samples has {samples.shape[1]} columns, not {len(COLUMNS)}")
        require(path, bool(np.isfinite(samples).all()), "a sample is not a finite number")
        start, length, user = (read[f"session_{name}"].astype(np.int64) for name in ("start", "length", "user"))
        require(path, len(start) == len(length) == len(user), "session_* differ in length")
        require(path, len(start) > 0, "there is no session")
        inside = start.min() >= 0 and length.min() > 0 and (start + length).max() <= len(samples)
        require(path, bool(inside), f"a session lies outside of the {len(samples)} samples")
        for first, count in zip(start, length, strict=True):
            ticks = np.diff(samples[first : first + count, 0])
            require(path, bool(np.allclose(ticks, 1 / RATE, atol=1e-3)), f"a session has not {RATE:g} samples a second")
        return Sessions(samples, start, length, user)

    def examples(self, client: int) -> Examples:
        """Return one person's moments; the group is ``calmer`` or ``livelier``, a block is a session."""
        person = self._people[0][client]
        group = "livelier" if self._liveliness(person) > self._middle else "calmer"
        rows = in_blocks({session: self.table.rows(session) for session in self.table.of(person)}, group)
        return rows._replace(name=self.called(client))

    def sequences(self, client: int) -> np.ndarray:
        """Return what the head did before each of one person's rows, ``(n, SEEN, 5)``."""
        person = self._people[0][client]
        return np.concatenate([self.table.sequences(session) for session in self.table.of(person)])
