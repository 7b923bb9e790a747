"""Forward kinematics: closed forms, and lengths of bones that no rotation changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.data.sets.bandai_motion import bvh

SIX = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
ARM = f"""HIERARCHY
ROOT Shoulder
{{
  OFFSET 100 100 100
  {SIX}
  JOINT Elbow
  {{
    OFFSET 3 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Hand
    {{
      OFFSET 2 0 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      End Site
      {{
        OFFSET 1 0 0
      }}
    }}
  }}
}}
MOTION
Frames: FRAMES
Frame Time: 0.0333333
ROWS
"""


def arm(*frames):
    rows = "\n".join(" ".join(map(str, frame)) for frame in frames)
    return ARM.replace("FRAMES", str(len(frames))).replace("ROWS", rows)


def test_quarter_turns_put_the_hand_where_one_expects_it():
    still = [0] * 12
    raised = [1, 2, 3, 90, 0, 0, 0, 0, 0, 0, 0, 0]  # the shoulder turns x to y
    bent = [1, 2, 3, 90, 0, 0, 0, 0, 90, 0, 0, 0]  # and the elbow turns its own x to its own −z
    places = bvh.positions(bvh.parse(arm(still, raised, bent)))
    np.testing.assert_allclose(places[0], [[0, 0, 0], [3, 0, 0], [5, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(places[1], [[1, 2, 3], [1, 5, 3], [1, 7, 3]], atol=1e-12)
    np.testing.assert_allclose(places[2], [[1, 2, 3], [1, 5, 3], [1, 5, 1]], atol=1e-12)


def test_rotations_apply_in_the_order_of_the_channels():
    # R = Rz Rx Ry: x is turned by Ry to −z, by Rx to y, by Rz to −x
    places = bvh.positions(bvh.parse(arm([0, 0, 0, 90, 90, 90] + [0] * 6)))
    np.testing.assert_allclose(places[0, 1], [-3, 0, 0], atol=1e-12)


@given(st.lists(st.floats(-720, 720), min_size=9, max_size=9), st.lists(st.floats(-9, 9), min_size=3, max_size=3))
def test_bones_keep_their_length(angles, place):
    found = bvh.positions(bvh.parse(arm([*place, *angles])))[0]
    np.testing.assert_allclose(found[0], place, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found[1] - found[0]), 3, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found[2] - found[1]), 2, atol=1e-9)


def test_only_the_frames_that_are_asked_for_are_read():
    motion = bvh.parse(arm(*([number] + [0] * 11 for number in range(9))), slice(0, 6, 2))
    assert motion.channels[:, 0].tolist() == [0, 2, 4]
    assert motion.seconds == 0.0333333
    assert [(joint.name, joint.parent) for joint in motion.joints] == [("Shoulder", -1), ("Elbow", 0), ("Hand", 1)]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("MOTION", "", "no MOTION"),
        ("Frames: 2", "Frames: 3", "3 frames are declared, 2 are there"),
        ("Frames: 2", "Many: 2", "not followed by Frames"),
        ("Frames: 2", "Frames: two", "invalid literal"),
        ("0 0 0 0 7", "0 0 0 0 7 7", "13 numbers, the skeleton 12 channels"),
        ("0 0 0 0 7", "0 0 0 0 nan", "not finite"),
        ("0 0 0 0 7", "0 0 0 0 x", "could not convert"),
        ("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 3 Zrotation Xrotation Wrotation", "not known"),
        ("JOINT Hand", "BONE Hand", "HIERARCHY has 'BONE'"),
        ("}\nMOTION", "MOTION", "HIERARCHY is cut"),
        ("}\nMOTION", "}\n}\nMOTION", "a brace too many"),
    ],
)
def test_damage_is_told(old, new, problem):
    text = arm([0] * 12, [0] * 11 + [7])
    if old not in text:
        pytest.fail(f"{old!r} is not in the file")
    with pytest.raises(ValueError, match=problem):
        bvh.parse(text.replace(old, new, 1))
