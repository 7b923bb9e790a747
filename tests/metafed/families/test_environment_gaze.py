"""The gaze generator: the truth reaches the ceiling, and a rival with plenty of data comes near it and not above."""

import numpy as np
import pytest

from metafed.data.source import Origin
from metafed.families.environment import MOMENTS, SCENES, UNIT, Gaze
from metafed.families.gaze import COMMON, SHAKE, THINGS, Person

ORIGIN = Origin(0, ())
NOISE = np.square(SHAKE).mean() / UNIT**2


def reported(x):
    """Undo the features: last turn, pitch, things."""
    return x[:, :2] * UNIT, x[:, 2] * UNIT, x[:, 3:].reshape(-1, len(THINGS), 2)


def test_the_truth_reaches_the_ceiling_from_the_features_alone():
    made, squares, ceilings = Gaze(ORIGIN), [], []
    for client in range(60):
        own = made.examples(client)
        foreseen = made.person(client).expected(*reported(own.x.astype(np.float64))) / UNIT
        squares.extend(np.square(own.y - foreseen).mean(1))
        ceilings.extend(own.oracle_score)
    assert set(ceilings) == {NOISE}
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - NOISE) < 4 * error
    assert error < 0.015 * NOISE


def test_a_rival_comes_near_and_not_above():
    from sklearn.ensemble import HistGradientBoostingRegressor

    person, rng = Gaze(ORIGIN).person(3), np.random.default_rng(0)

    def rows(scenes):
        seen = person.live(scenes, MOMENTS, rng)
        x = [seen.turned / UNIT, seen.pitch[:, None] / UNIT, seen.things.reshape(-1, 2 * len(THINGS))]
        return np.concatenate(x, axis=1), seen.turn / UNIT

    (x, y), (held, truth) = rows(1500), rows(200)
    foreseen = [HistGradientBoostingRegressor(max_iter=150).fit(x, column).predict(held) for column in y.T]
    squares = np.square(np.stack(foreseen, 1) - truth).mean(1)
    error = squares.std() / np.sqrt(len(squares))
    assert NOISE - 4 * error < squares.mean() < 1.35 * NOISE


def test_noise_of_the_two_angles_is_independent_of_everything_known():
    own = Gaze(ORIGIN).examples(0)
    left = own.y - Gaze(ORIGIN).person(0).expected(*reported(own.x.astype(np.float64))) / UNIT
    known = np.concatenate([own.x, left[:, ::-1]], axis=1)
    for side in range(2):
        tied = [
            np.corrcoef(left[:, side], column)[0, 1]
            for k, column in enumerate(known.T)
            if k != own.x.shape[1] + 1 - side
        ]
        assert np.abs(tied).max() < 4.5 / np.sqrt(len(left))
    np.testing.assert_allclose(left.std(0), np.array(SHAKE) / UNIT, rtol=4 / np.sqrt(2 * len(left)))


def test_groups_are_what_people_like_best_and_some_are_few():
    made = Gaze(ORIGIN)
    groups = [made.examples(client).group for client in range(300)]
    for thing, share in zip(THINGS, COMMON, strict=True):
        assert abs(groups.count(thing) / 300 - share) < 4 * np.sqrt(share * (1 - share) / 300)
    liking = np.mean([made.person(client).liking for client in range(300)], axis=0)
    assert liking.argmax() == 0


def test_a_head_goes_after_what_its_owner_likes():
    rng = np.random.default_rng(0)
    for favourite in range(len(THINGS)):
        person = Person(favourite, 6.0 * np.eye(3)[favourite], haste=0.5, momentum=0.0, rest=0.0)
        things = rng.uniform(-1, 1, (200, 3, 2))
        turn = person.expected(np.zeros((200, 2)), np.zeros(200), things)
        assert (np.sign(turn) == np.sign(things[:, favourite])).mean() > 0.95


@pytest.mark.parametrize("client", [0, 5])
def test_scenes_are_whole(client):
    rows = len(Gaze(ORIGIN).examples(client).y)
    assert rows % MOMENTS == 0
    assert SCENES[0] <= rows // MOMENTS <= SCENES[1]
