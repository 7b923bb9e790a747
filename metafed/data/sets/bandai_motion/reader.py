"""Bandai-Namco-Research-Motiondataset 1 and 2: head and two hands → the other 18 joints.

Kobayashi et al. 2023, arXiv 2306.08861. A client is a persona: a style (such as "2:elderly") doing one
content (such as "walk"). Frames of one clip are near-duplicates, so a clip is the smallest thing to be
split: contents of which a style has fewer than four clips, as in all of set 1, are one persona together.
Personas that wave while the rest of the body stands still are skipped: the score compares with the mean
pose, which is then nearly right.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import MINIMUM, Examples
from metafed.core.streams import stream
from metafed.data.files.shared import by_file
from metafed.data.sets.bandai_motion.headset import FACING, JOINTS, POSE, SEEN, TRACKED, WINDOW, moments, seen
from metafed.data.sets.base import Dataset, arrays, in_blocks, require
from metafed.models import Inputs

STILL = 0.04
"""Metres: a persona whose pose spreads less is skipped."""
VARIOUS = "various"
"""The content of a persona that has several."""


class Persona(NamedTuple):
    """One client.

    Attributes:
        style: Its style.
        content: What it does.
        clips: Numbers of its clips.
    """

    style: str
    content: str
    clips: list[int]


class Clips(NamedTuple):
    """The file's content.

    Attributes:
        positions: Millimetres ``(frames, JOINTS, 3)``, int16.
        start: First frame of each clip.
        length: Frames of each clip.
        labels: Style and content of each clip.
        joints: Names of the joints.
    """

    positions: np.ndarray
    start: np.ndarray
    length: np.ndarray
    labels: list[tuple[str, str]]
    joints: list[str]

    def rows(self, clip: int) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs ``(n, 27)`` and poses ``(n, 54)`` of one clip."""
        return seen(self.metres(clip), self.joints)

    def metres(self, clip: int) -> np.ndarray:
        """Return the positions of one clip ``(frames, JOINTS, 3)``."""
        return np.asarray(self.positions[self.start[clip] : self.start[clip] + self.length[clip]] / 1000.0)


@final
class BandaiMotion(Dataset):
    """Personas in motion."""

    features = WINDOW * len(TRACKED) * 3
    outputs = (JOINTS - len(TRACKED)) * 3
    sequence = Inputs("sequence", (SEEN, 2 * len(TRACKED) * 3 + 1), masked=True)
    file = Path("bandai_motion/bandai_motion.npz")
    licence = "CC BY-NC 4.0, (c) Bandai Namco Research Inc."
    remedy = (
        "write it from https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset: world"
        " joint positions by forward kinematics over the BVH files"
    )

    @property
    def clients(self) -> int:
        """How many personas there are."""
        return len(self._personas[0])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a client is, personas skipped, and the licence."""
        kept, few, still = self._personas
        merged = sum(persona.content == VARIOUS for persona in kept)
        return (
            "clients are personas (style x content), not people: three actors, no actor ids in the data",
            f"{merged} of {len(kept)} personas have several contents, for want of clips of each",
            *(_skipped(few, f"fewer than {MINIMUM} clips")),
            *(_skipped(still, f"a pose that spreads less than {STILL} m")),
            "the facing of the shoulders stands in for a headset's own heading: the data have positions only",
            f"licence: {self.licence}",
        )

    @cached_property
    def _personas(self) -> tuple[list[Persona], list[Persona], list[Persona]]:
        """Clients in their order, personas with too few clips, and personas that stand still."""
        few, enough, moving = self._found()
        order = stream(self.origin.seed, "bandai_motion/order").permutation(np.flatnonzero(moving))
        return [enough[i] for i in order], few, [enough[i] for i in np.flatnonzero(~moving)]

    @by_file
    def _found(self) -> tuple[list[Persona], list[Persona], np.ndarray]:
        """Return personas with too few clips, the others, and which of those move ``(n,)``."""
        found = personas(self.table.labels, self.table.length)
        few = [persona for persona in found if len(persona.clips) < MINIMUM]
        enough = [persona for persona in found if len(persona.clips) >= MINIMUM]
        return few, enough, np.array([self._spread(persona) >= STILL for persona in enough], dtype=bool)

    def _spread(self, persona: Persona) -> float:
        """Return the standard deviation of the persona's pose, in metres, over frames and coordinates."""
        poses = np.concatenate([self.table.rows(clip)[1] for clip in persona.clips])
        return float(POSE * np.sqrt(poses.var(0).mean()))

    @cached_property
    @by_file
    def table(self) -> Clips:
        """The file's content.

        Raises:
            DataError: The file is missing or damaged.
        """
        path = self.path
        of_clips = ("clip_start", "clip_length", "clip_style", "clip_content")
        of_names = ("joint_names", "style_names", "content_names")
        wanted = {"positions_mm": ("i", 3)} | dict.fromkeys(of_clips, ("iu", 1)) | dict.fromkeys(of_names, ("U", 1))
        read = arrays(path, wanted)
        start, length, style, content = (read[name].astype(np.int64) for name in of_clips)
        joints, styles, contents = (read[name].tolist() for name in of_names)
        frames = read["positions_mm"]
        require(path, frames.shape[1:] == (JOINTS, 3), f"positions_mm has shape {frames.shape}")
        require(path, len(joints) == JOINTS, f"{len(joints)} joint names, not {JOINTS}")
        lost = [name for name in (*TRACKED, *FACING) if name not in joints]
        require(path, not lost, f"joints {lost} are missing")
        require(path, len({len(start), len(length), len(style), len(content)}) == 1, "clip_* differ in length")
        require(path, len(start) > 0, "there is no clip")
        inside = start.min() >= 0 and length.min() >= 0 and (start + length).max() <= len(frames)
        require(path, bool(inside), f"a clip lies outside of the {len(frames)} frames")
        for name, numbers, names in (("style", style, styles), ("content", content, contents)):
            known = numbers.min() >= 0 and numbers.max() < len(names)
            require(path, bool(known), f"a clip's {name} is not one of 0 … {len(names) - 1}")
        labels = [(styles[s], contents[c]) for s, c in zip(style, content, strict=True)]
        return Clips(frames, start, length, labels, joints)

    def examples(self, client: int) -> Examples:
        """Return one persona's frames; the group is its style, a block is a clip."""
        persona = self._personas[0][client]
        return in_blocks({clip: self.table.rows(clip) for clip in persona.clips}, persona.style)

    def sequences(self, client: int) -> np.ndarray:
        """Return the frames before each of one persona's poses, ``(n, SEEN, 19)``."""
        table = self.table
        return np.concatenate([moments(table.metres(c), table.joints) for c in self._personas[0][client].clips])


def personas(labels: Sequence[tuple[str, str]], lengths: np.ndarray) -> list[Persona]:
    """Group clips by style and content, or by style where there are fewer than ``MINIMUM`` clips of a content.

    Args:
        labels: Style and content of each clip.
        lengths: Frames of each clip; a clip shorter than the window is left out.
    """
    usable = [clip for clip, length in enumerate(lengths) if length >= WINDOW]
    counts = Counter(labels[clip] for clip in usable)
    groups: dict[tuple[str, str], list[int]] = {}
    for clip in usable:
        style, content = labels[clip]
        enough = counts[style, content] >= MINIMUM
        groups.setdefault((style, content if enough else VARIOUS), []).append(clip)
    return [Persona(*key, clips) for key, clips in sorted(groups.items())]


def _skipped(personas: list[Persona], why: str) -> list[str]:
    names = ", ".join(f"{persona.style} {persona.content}" for persona in personas)
    return [f"{len(personas)} personas with {why}: skipped ({names})"] if personas else []
