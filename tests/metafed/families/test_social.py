"""The generator of friends in circles: Bayes' rule is exact and nothing beats it."""

import numpy as np

from metafed.core.episodes import draw, halves
from metafed.core.streams import stream
from metafed.data.source import Origin
from metafed.families import social
from metafed.families.circles import OLD, SLOTS, TRAITS, Friends

ORIGIN = Origin(0, ())


def recovered(x):
    """What is seen of friends, out of features."""
    return Friends(x[:, :TRAITS] == social.TRAIT, x[:, TRAITS:] == social.KNOWN)


def test_the_posterior_agrees_with_the_product_of_all_chances():
    person = social.Generated(ORIGIN).person(4)
    friends = person.meet(np.array([2]), np.random.default_rng(0))
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    weight = prior.copy()
    for slot in range(SLOTS):
        for trait in range(TRAITS):
            p = person.traits[slot, trait]
            weight[slot] *= p if friends.traits[0, trait] else 1 - p
        for old in range(OLD):
            p = person.inside[slot] if person.old[old] == slot else person.outside
            weight[slot] *= p if friends.known[0, old] else 1 - p
    np.testing.assert_allclose(person.posterior(friends, prior)[0], weight / weight.sum(), rtol=1e-10)


def test_the_truth_reaches_the_ceiling_from_the_features_alone():
    made, right, chance = social.Generated(ORIGIN), [], []
    for client in range(200):
        own, person = made.examples(client), made.person(client)
        _, evaluation = halves(own, social.SHOTS, stream(0, "halves", client))
        rows = draw(own, evaluation, social.SHOTS, social.SHOTS.evaluation, stream(0, "evaluation", client)).query
        prior = np.bincount(own.y[rows], minlength=SLOTS) / len(rows)
        posterior = person.posterior(recovered(own.x[rows]), prior)
        np.testing.assert_allclose(posterior.max(1), own.oracle_score[rows], rtol=1e-9)
        right.extend(posterior.argmax(1) == own.y[rows])
        chance.extend(own.oracle_score[rows])
    chance = np.array(chance)
    error = np.sqrt((chance * (1 - chance)).sum()) / len(chance)
    assert abs(np.mean(right) - chance.mean()) < 4 * error
    assert error < 0.005
    assert 0.88 < chance.mean() < 0.98


def test_a_rival_comes_near_and_not_above():
    from sklearn.linear_model import LogisticRegression

    person, rng = social.Generated(ORIGIN).person(3), np.random.default_rng(0)
    y = np.repeat(np.arange(SLOTS), 2500)
    train, test = person.meet(y, rng), person.meet(y, rng)
    rival = LogisticRegression(max_iter=500).fit(social.features_of(train), y)
    score = (rival.predict(social.features_of(test)) == y).mean()
    best = person.posterior(test, np.full(SLOTS, 0.25)).max(1).mean()
    assert best - 0.01 < score < best + 4 * np.sqrt(best * (1 - best) / len(y))


def test_members_of_a_circle_know_its_old_friends_and_others_hardly():
    person = social.Generated(ORIGIN).person(0)
    y = np.repeat(np.arange(SLOTS), 4000)
    known = person.meet(y, np.random.default_rng(0)).known
    for slot in range(SLOTS):
        rate = known[y == slot].mean(0)
        np.testing.assert_allclose(rate[person.old == slot], person.inside[slot], atol=0.03)
        np.testing.assert_allclose(rate[person.old != slot], person.outside, atol=0.03)
    assert set(person.old) == {-1, 0, 1, 2, 3}


def test_no_place_tells_a_circle_before_adaptation():
    """Neither a slot nor the place of an old friend means the same for two people."""
    made = social.Generated(ORIGIN)
    people = [made.person(client) for client in range(400)]
    place = np.mean([person.old == 2 for person in people], axis=0)
    np.testing.assert_allclose(place, 0.2, atol=0.08)
    rates = np.mean([person.traits for person in people], axis=0)
    assert np.ptp(rates, axis=0).max() < 0.09


def test_loose_circles_are_harder_to_tell():
    made = social.Generated(ORIGIN)
    best = {"loose": [], "close-knit": []}
    for client in range(120):
        own = made.examples(client)
        best[own.group].append(own.oracle_score.mean())
    assert min(map(len, best.values())) > 30
    assert np.mean(best["loose"]) + 0.02 < np.mean(best["close-knit"])
