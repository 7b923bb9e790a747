"""The ceiling is what the truth reaches, and a rival with plenty of data comes near it and not above."""

import numpy as np
import pytest

from metafed.core.episodes import draw, halves
from metafed.core.streams import stream
from metafed.data.source import Origin
from metafed.families import assistant, avatar, personalization

ORIGIN = Origin(0, ())


def evaluation_rows(family, own, client):
    _, evaluation = halves(own, family.shots, stream(0, "halves", client))
    return draw(own, evaluation, family.shots, family.shots.evaluation, stream(0, "evaluation", client)).query


def agree(right, chance):
    """Whether successes agree with their chances within four standard errors."""
    error = np.sqrt((chance * (1 - chance)).sum()) / len(chance)
    assert abs(np.mean(right) - np.mean(chance)) < 4 * error
    assert error < 0.01


def test_personalization_truth_reaches_the_ceiling():
    made, right, chance = personalization.Generated(ORIGIN), [], []
    for client in range(150):
        own, person = made.examples(client), made.person(client)
        rows = evaluation_rows(personalization.PERSONALIZATION, own, client)
        likes = person.chance(made.catalogue.factors[person.items[rows]]) > 0.5
        right.extend(likes == own.y[rows])
        chance.extend(own.oracle_score[rows])
    agree(right, np.array(chance))
    assert 0.85 < np.mean(chance) < 0.93


def test_personalization_rival_comes_near_and_not_above():
    from sklearn.linear_model import LogisticRegression

    made, rng = personalization.Generated(ORIGIN), np.random.default_rng(0)
    person, shown = made.person(3), made.catalogue.features
    chance = person.chance(made.catalogue.factors)
    items = np.repeat(np.arange(len(shown)), 20)
    train, test = (rng.random(len(items)) < chance[items] for _ in range(2))
    rival = LogisticRegression(C=1e6, max_iter=1000).fit(shown[items], train)
    score, best = (rival.predict(shown[items]) == test).mean(), np.maximum(chance, 1 - chance).mean()
    assert best - 0.01 < score < best + 4 * np.sqrt(0.25 / len(items))


def recovered(x):
    """Counts of n-grams out of features: their sum is ``SCALE`` times the root of the length."""
    root = x.sum(1, keepdims=True) / assistant.SCALE
    return x * root / assistant.SCALE


def test_assistant_truth_reaches_the_ceiling_from_the_features_alone():
    made, right, chance = assistant.Generated(ORIGIN), [], []
    for client in range(150):
        own = made.examples(client)
        counts = recovered(own.x)
        np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
        rows = evaluation_rows(assistant.ASSISTANT, own, client)
        prior = np.bincount(own.y[rows], minlength=assistant.SLOTS) / len(rows)
        posterior = made.user(client).posterior(counts.round()[rows], prior)
        np.testing.assert_allclose(posterior.max(1), own.oracle_score[rows], rtol=1e-9)
        right.extend(posterior.argmax(1) == own.y[rows])
        chance.extend(own.oracle_score[rows])
    agree(right, np.array(chance))


def test_assistant_rival_comes_near_and_not_above():
    from sklearn.linear_model import LogisticRegression

    user, rng = assistant.Generated(ORIGIN).user(3), np.random.default_rng(0)
    y = np.repeat(np.arange(assistant.SLOTS), 1500)
    train, test = user.speak(y, rng), user.speak(y, rng)
    rival = LogisticRegression(C=0.01, max_iter=500).fit(assistant.features_of(train), y)
    score = (rival.predict(assistant.features_of(test)) == y).mean()
    best = user.posterior(test, np.full(assistant.SLOTS, 0.2)).max(1).mean()
    assert best - 0.03 < score < best + 4 * np.sqrt(0.25 / len(y))


def test_avatar_truth_reaches_the_ceiling():
    made, squares, ceilings = avatar.Generated(ORIGIN), [], []
    for client in range(40):
        own = made.examples(client)
        truth = avatar.scales(ORIGIN.seed)[1](made.person(client).pose(made.motion(client)))
        squares.extend(np.square(own.y - truth).mean(1))
        ceilings.extend(own.oracle_score)
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - np.mean(ceilings)) < 4 * error
    assert error < 0.01 * np.mean(ceilings)


def test_avatar_inputs_tell_the_state_so_a_rival_comes_near_and_not_above():
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    made, rng = avatar.Generated(ORIGIN), np.random.default_rng(0)
    person, (inputs, outputs) = made.person(3), avatar.scales(ORIGIN.seed)

    def rows(n):
        motion = avatar.Motion.random(n, rng)
        pose = outputs(person.pose(motion))
        return inputs(person.tracked(motion)), pose + avatar.NOISE * rng.standard_normal(pose.shape)

    rival = make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge(1e-3)).fit(*rows(8_000))
    x, y = rows(4_000)
    squares = np.square(rival.predict(x) - y).mean(1)
    error = squares.std() / np.sqrt(len(squares))
    assert avatar.NOISE**2 - 4 * error < squares.mean() < 1.1 * avatar.NOISE**2


def test_a_single_frame_does_not_show_what_a_window_does():
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    made, rng = avatar.Generated(ORIGIN), np.random.default_rng(0)
    person, (inputs, outputs) = made.person(3), avatar.scales(ORIGIN.seed)
    first, second = avatar.Motion.random(4_000, rng), avatar.Motion.random(2_000, rng)

    def error(x, y, test, truth):
        rival = make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge(1e-3)).fit(x, y)
        return np.square(rival.predict(test) - truth).mean()

    rows = [inputs(person.tracked(motion)) for motion in (first, second)]
    poses = [outputs(person.pose(motion)) for motion in (first, second)]
    window = error(rows[0], poses[0], rows[1], poses[1])
    frames = [own.reshape(len(own), avatar.WINDOW, -1)[:, -1] for own in rows]
    assert error(frames[0], poses[0], frames[1], poses[1]) > 5 * window


@pytest.mark.parametrize("client", [0, 7])
def test_avatar_inputs_carry_no_noise(client):
    made = avatar.Generated(ORIGIN)
    own, person = made.examples(client), made.person(client)
    np.testing.assert_allclose(own.x, avatar.scales(ORIGIN.seed)[0](person.tracked(made.motion(client))), atol=1e-5)
