"""Head orientations from the publisher's files: ``processed_data.csv`` of every session.

github.com/naiwaaa/sit-vr-viewport-prediction, folder ``datasets``: ``has_subtitle`` and ``no_subtitle`` hold a
folder ``video_VV_user_UU`` a session. Folders that begin with ``_`` are those that the publisher took out.
"""

import re
from pathlib import Path

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import originals
from metafed.data.table.lines import numbers, rows

SUBTITLES = {"has_subtitle": 1, "no_subtitle": 0}
SOURCE = ("rounded_playback_time", "rad_pitch", "rad_yaw", "rad_roll", "rad_inclination", "rad_azimuth")
COLUMNS = ("time_s", "pitch_rad", "yaw_rad", "roll_rad", "inclination_rad", "azimuth_rad")


def read(path: Path) -> dict[str, np.ndarray]:
    """Read all sessions into the arrays of ``vr_head_sit.npz``: with subtitles first, by video, by user.

    Raises:
        DataError: There is no session, or a file is damaged; the message gives the line.
    """
    sessions = []
    with originals(path) as found:
        for file, _ in found.matching(r"processed_data\.csv"):
            kind, place = (file.parts[-3:-1]) if len(file.parts) >= 3 else ("", "")
            match = re.fullmatch(r"video_(\d{2})_user_(\d{2})", place)
            if kind not in SUBTITLES or not match:
                continue
            samples = [numbers(file, line, fields) for line, fields in rows(file, SOURCE)]
            times = np.array([sample[0] for sample in samples])
            if len(times) < 2 or (np.diff(times) <= 0).any():
                raise DataError(f"{file.where}: times do not increase")
            sessions.append((SUBTITLES[kind], int(match[1]), int(match[2]), np.array(samples, np.float32)))
    if not sessions:
        raise DataError(
            f"{path} has no file {{has,no}}_subtitle/video_VV_user_UU/processed_data.csv; the folder `datasets` of"
            " the publisher's repository is expected"
        )
    sessions.sort(key=lambda session: (-session[0], session[1], session[2]))
    length = np.array([len(session[3]) for session in sessions], np.int32)
    return {
        "samples": np.concatenate([session[3] for session in sessions]),
        "columns": np.array(COLUMNS),
        "session_start": (length.cumsum() - length).astype(np.int32),
        "session_length": length,
        "session_user": np.array([session[2] for session in sessions], np.uint8),
        "session_video": np.array([session[1] for session in sessions], np.uint8),
        "session_subtitle": np.array([session[0] for session in sessions], np.uint8),
    }
