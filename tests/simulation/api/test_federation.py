"""One's own loop over rounds gives the bits of ``simulate``, and client by client what the record says."""

import re

import numpy as np
import polars as pl
import pytest
import torch

import metafed as mf
from server.record.record import theta_sha256
from simulation import RunDiverged, simulate

SMALL = {"clients": 9, "cohort": 4, "rounds": 3, "width": 6, "eval_every": 0}


def loop(experiment):
    """Return a federation, its last state, and what each client did in each round."""
    fed = mf.Federation(experiment)
    state, done = fed.init(), []
    for number in range(1, experiment.rounds + 1):
        state, per_client = fed.round(state, fed.sample(number, state), number)
        done.append(per_client)
    return fed, state, done


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"algorithm": "ditto", "aggregator": mf.Median()},
        {"privacy": mf.Privacy(noise=0.5, clip=1.0), "sampling": "poisson"},
        {"devices": mf.Devices(tiers="default", deadline=0.12), "sampling": mf.PowerOfChoice()},
        {"objective": mf.Minimax(), "sampling": "data"},
    ],
)
def test_a_loop_of_ones_own_has_the_bits_of_simulate(settings):
    experiment = mf.Experiment(**{**SMALL, **settings})
    run = simulate(experiment, engine="local", progress=False)
    fed, state, done = loop(experiment)
    assert theta_sha256(state.theta) == run.theta_sha256
    for number, per_client in enumerate(done, start=1):
        rows = run.clients.filter((pl.col("round") == number) & (pl.col("phase") == "train"))
        trained = {client: own for client, own in per_client.items() if not own.failure}
        assert dict(zip(rows["client"], rows["loss"], strict=True)) == {c: own.loss[0] for c, own in trained.items()}
    rows = run.clients.filter((pl.col("round") == 3) & (pl.col("phase") == "evaluate"))
    found = fed.evaluate(state)
    assert sorted(found) == sorted(rows["client"].unique())
    for client, own in found.items():
        theirs = rows.filter(pl.col("client") == client)
        assert own.loss.tolist() == theirs["loss"].to_list()
        assert own.score.tolist() == theirs["score"].fill_null(float("nan")).to_list()
        assert (own.family, own.group, own.n) == theirs.select("family", "group", "n").row(0)
    assert set(fed.evaluate(state, fed.unseen)) == set(fed.unseen) == {7, 8}


def test_a_rate_that_falls_shortens_the_steps_of_later_rounds():
    settings = {**SMALL, "algorithm": "reptile", "precision": "float64", "rounds": 2}
    fed, flat = (
        mf.Federation(mf.Experiment(**settings, outer_schedule="linear")),
        mf.Federation(mf.Experiment(**settings)),
    )
    first, _ = fed.round(fed.init(), fed.sample(1), 1)
    clients = fed.sample(2, first)
    (half, _), (whole, _) = fed.round(first, clients, 2), flat.round(first, clients, 2)
    for part, before in first.theta.items():
        np.testing.assert_allclose(half.theta[part] - before, (whole.theta[part] - before) / 2, atol=1e-15)
    with pytest.raises(mf.SettingError, match="round 3: outer_schedule linear falls to 0 over rounds = 2"):
        fed.round(half, clients, 3)


def test_a_state_is_not_changed_and_can_be_gone_on_from_again():
    fed, state, _ = loop(mf.Experiment(**{**SMALL, "algorithm": "ditto"}))
    before = {part: vector.copy() for part, vector in state.theta.items()}
    longer = [fed.round(state, [0, 2], 4)[0] for _ in range(2)]
    assert theta_sha256(longer[0].theta) == theta_sha256(longer[1].theta) != theta_sha256(state.theta)
    assert all(np.array_equal(before[part], vector) for part, vector in state.theta.items())
    other, _ = fed.round(state, [1, 3], 4)
    assert theta_sha256(other.theta) != theta_sha256(longer[0].theta)


def test_two_federations_do_not_disturb_each_other():
    one, other = (mf.Federation(mf.Experiment(**{**SMALL, "seed": seed})) for seed in (1, 2))
    alone = loop(mf.Experiment(**{**SMALL, "seed": 1}))[1]
    state, third = one.init(), other.init()
    for number in range(1, 4):
        state, _ = one.round(state, one.sample(number), number)
        third, _ = other.round(third, other.sample(number), number)
    assert theta_sha256(state.theta) == theta_sha256(alone.theta) != theta_sha256(third.theta)


def test_an_adapted_client_is_a_function_that_scores_as_its_evaluation_says():
    fed, state, _ = loop(mf.Experiment(**SMALL))
    for client in (0, 8):
        network = fed.adapt(state, client)
        query = network.draw.episode.query
        output = network(query.x[0].numpy())
        assert output.shape == (query.x.shape[1], network.task.model.outputs)
        import torch

        score = float(network.task.score(torch.tensor(output).unsqueeze(0), query)[0])
        assert score == pytest.approx(float(fed.evaluate(state, [client])[client].score[-1]), abs=1e-6)
    start = fed.adapt(state, 0, steps=0)
    assert all(
        np.array_equal(start.params[name], fed._host._theta(state.theta, start.family)[name]) for name in start.params
    )


def test_mistakes_are_answered():
    fed = mf.Federation(mf.Experiment(**{**SMALL, "sampling": mf.PowerOfChoice()}))
    state = fed.init()
    for make, text in [
        (
            lambda: fed.sample(1),
            "sampling power-of-choice goes by what happened in earlier rounds: write fed.sample(1, state)",
        ),
        (lambda: fed.round(state, [0, 8], 1), "client 8: those that are seen in training are 0 to 6"),
        (lambda: fed.round(state, [0, 0], 1), "client 0 is named twice"),
        (lambda: fed.round(state, [0], 5), "round 5: the state is that after round 0, the next is 1"),
        (lambda: fed.adapt(state, 9), "client 9: those that are there are 0 to 8"),
    ]:
        with pytest.raises(mf.SettingError, match=re.escape(text)):
            make()
    wild = mf.Federation(mf.Experiment(**SMALL, outer_lr=1e38, outer_optimizer="sgd"))
    with pytest.raises(RunDiverged):
        loop(wild.experiment)


@pytest.fixture(scope="module")
def run():
    return simulate(mf.Experiment(**SMALL, tasks="avatar"), engine="local", progress=False)


class TestBegunWithAnotherTheta:
    def test_the_clients_reach_what_they_reached_in_the_run(self, run):
        fed = mf.Federation(run.experiment)
        rows = run.clients.filter((pl.col("round") == 3) & (pl.col("phase") == "evaluate") & (pl.col("step") == 5))
        found = fed.evaluate(fed.init(run.theta))
        assert [own.loss[-1] for own in found.values()] == rows.sort("client")["loss"].to_list()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"trunk.0.weight": None}, "'trunk.0.weight' is missing"),
            ({"trunk.0.wait": np.zeros(3)}, "'trunk.0.wait' is no parameter here; did you mean 'trunk.0.weight'?"),
            ({"trunk.0.bias": np.zeros(7)}, r"'trunk.0.bias' has the shape \(7,\); here it is \(6,\)"),
            ({"trunk.0.bias": np.full(6, np.nan)}, "'trunk.0.bias' has values that are not finite"),
            ({"trunk.0.bias": ["a"] * 6}, "'trunk.0.bias' is no array of numbers"),
            ({"trunk.0.bias": np.zeros(6, complex)}, "'trunk.0.bias' is no array of numbers"),
            ({"trunk.0.bias": np.zeros(6, bool)}, "'trunk.0.bias' is no array of numbers"),
            ({"trunk.0.bias": [10**400] * 6}, "'trunk.0.bias' is no array of numbers"),
            ({"trunk.0.bias": [[1], [1, 2]]}, "'trunk.0.bias' is no array of numbers"),
            ({"trunk.0.bias": np.ma.masked_array(np.zeros(6), [True] * 6)}, "'trunk.0.bias' is no array of numbers"),
            ({"trunk.0.bias": np.full(6, 1e300)}, "'trunk.0.bias' has values that float32 does not hold"),
            ({5: np.zeros(6), "zz": 1}, "5 is no parameter here"),
        ],
    )
    def test_one_that_does_not_fit_is_refused(self, run, change, message):
        theta = {name: value for name, value in (run.theta | change).items() if value is not None}
        with pytest.raises(mf.SettingError, match=f"theta: {message}"):
            mf.Federation(run.experiment).init(theta)

    @pytest.mark.parametrize("theta", [[1, 2], 3, np.zeros(3), "abc"])
    def test_what_is_no_mapping_is_refused(self, run, theta):
        with pytest.raises(mf.SettingError, match=r"theta: arrays by parameter, as run\.theta, not "):
            mf.Federation(run.experiment).init(theta)

    def test_that_of_a_state_is_by_part(self, run):
        fed = mf.Federation(run.experiment)
        with pytest.raises(mf.SettingError, match="theta: a state's is by part; give arrays by parameter"):
            fed.init(fed.init().theta)

    @pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.int64])
    def test_tensors_of_any_numbers_are_taken(self, run, kind):
        given = {name: torch.ones(value.shape).to(kind) for name, value in run.theta.items()}
        if kind.is_floating_point:
            given = {name: torch.nn.Parameter(value) for name, value in given.items()}
        state = mf.Federation(run.experiment).init(given)
        assert all((vector == 1).all() and vector.dtype == np.float32 for vector in state.theta.values())


def test_the_theta_of_a_state_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        mf.Federation(mf.Experiment(**SMALL)).init().theta["trunk"][:] = 0
