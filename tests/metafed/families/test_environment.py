"""Worlds in which a policy acts: gymnasium's own physics, known experts, episodes that the rows alone decide."""

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from client.host import Host
from metafed.algorithms import ALGORITHMS
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.core.streams import stream
from metafed.data.source import Origin
from metafed.environments.as_gymnasium import NavigationEnv, cartpole
from metafed.environments.cartpole import START, CartPole
from metafed.environments.navigation import STEP, Navigation
from metafed.experiment.settings import Experiment
from metafed.families.environment import FORCE, GRAVITY, LENGTH, MASS, Goals, Poles
from metafed.federation.federation import Federation
from metafed.models import Mlp, initialize, layout
from metafed.tasks.rollout import anchors, reached
from metafed.tasks.task import Control

WORLDS = {"navigation": Navigation(7), "cartpole": CartPole(30)}
PHYSICS = {"navigation": [(0.3, -0.2), (-0.05, 0.4)], "cartpole": [(9.8, 0.1, 0.5, 10.0), (15.0, 0.4, 0.3, -18.0)]}
every_world = pytest.mark.parametrize("name", WORLDS)


def problem(name, rows=6, clients=4, dtype=torch.float64, kernels="torch"):
    """Return a task, θ and a batch of clients, two and two with the same physics."""
    world = WORLDS[name]
    model = Mlp("toy", world.policy.outputs, world.observation, 8, 1, "tanh", kernels=kernels)
    theta = initialize(layout({"toy": model}), 0, dtype)
    x = np.stack(
        [world.rows(np.array(PHYSICS[name][c % 2]), rows, stream(0, "test", c)).astype(float) for c in range(clients)]
    )
    y = torch.tensor([0.9, 0.1], dtype=dtype).expand(clients, rows, 2)
    return Control(model, world), theta, Batch(torch.from_numpy(x).to(dtype), y, torch.ones(clients, rows, dtype=dtype))


def part(batch, clients, rows=slice(None)):
    return Batch(*(tensor[clients, rows] for tensor in batch))


@pytest.mark.parametrize("physics", [None, (5.0, 0.3, 0.9, 20.0), (18.0, 0.05, 0.3, 6.0), (9.8, 0.2, 0.7, -11.0)])
def test_cartpole_is_gymnasiums_step_by_step(physics):
    made = gymnasium.make("CartPole-v1") if physics is None else cartpole(np.array(physics))
    world, own = CartPole(), torch.tensor(physics or (9.8, 0.1, 0.5, 10.0), dtype=torch.float64).view(1, 1, 4)
    rng, ends = np.random.default_rng(0), 0
    for seed in range(8):
        made.reset(seed=seed)
        state = torch.tensor(np.array(made.unwrapped.state)).view(1, 1, 4)
        assert state.abs().max() <= START
        for _ in range(500):
            action = int(rng.random() < 0.5)
            _, reward, over, _, _ = made.step(action)
            after = world.step(own, state, torch.full((1, 1, 1), float(action), dtype=torch.float64))
            state = after.state
            np.testing.assert_allclose(state[0, 0], made.unwrapped.state, rtol=1e-12, atol=1e-14)
            assert bool(after.over) == over
            assert reward == 1.0 - after.cost.item()
            if over:
                ends += 1
                break
    assert ends == 8


def test_the_limit_of_a_cartpole_episode_is_ours():
    assert cartpole(np.array((9.8, 0.1, 0.5, 10.0))).spec.max_episode_steps == CartPole().horizon == 200


def test_navigation_passes_gymnasiums_checker():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("metafed/Navigation-v0", render_mode="rgb_array").unwrapped)


def test_navigation_is_the_vectorised_world_step_by_step():
    goals, rng = [(0.3, -0.2), (-0.5, 0.5), (0.0, 0.1)], np.random.default_rng(0)
    worlds = [NavigationEnv(goal, horizon=20) for goal in goals]
    actions = rng.uniform(-0.2, 0.2, (20, 3, 2))
    for world in worlds:
        world.reset(seed=0)
    physics = torch.tensor(goals, dtype=torch.float64).unsqueeze(1)
    state = Navigation(20).start(physics, physics[..., :0])
    for step, action in enumerate(actions):
        after = Navigation(20).step(physics, state, torch.from_numpy(action).unsqueeze(1))
        state = after.state
        for own, world in enumerate(worlds):
            seen, reward, over, cut, _ = world.step(action[own])
            np.testing.assert_array_equal(seen, state[own, 0].numpy().astype(np.float32))
            assert reward == -after.cost[own, 0].item()
            assert (over, cut) == (bool(after.over[own, 0]), step == 19)


def test_navigation_ends_at_the_goal_and_steps_are_cut():
    world = NavigationEnv((0.15, -0.1))
    world.reset(seed=0)
    seen, reward, over, _, _ = world.step(np.array([5.0, -5.0]))
    np.testing.assert_allclose(seen, [STEP, -STEP], rtol=1e-6)
    assert reward == pytest.approx(-0.05)
    assert not over
    assert world.step(np.array([0.045, 0.005]))[2]


@pytest.mark.parametrize("seed", range(5))
def test_the_navigators_expert_has_the_closed_form_and_nothing_beats_it(seed):
    goal, rng = stream(seed, "goal").uniform(-0.5, 0.5, 2), np.random.default_rng(seed)
    world, found = Navigation(), anchors(Navigation(), goal, rng)
    left = np.maximum(np.abs(goal) - STEP * np.arange(1, 101)[:, None], 0)
    arrived = np.concatenate([[False], (left < 0.01).all(1)[:-1]])
    distance = np.where(np.maximum.accumulate(arrived), 0, np.linalg.norm(left, axis=1))
    assert found.expert == pytest.approx(distance.mean(), rel=1e-9, abs=1e-12)
    # rivals: the expert's own moves, shortened, turned or shaken
    expert, none = world.expert(goal), np.zeros((40, 0))
    for shake, share in ((0.0, 0.9), (0.02, 1.0), (0.1, 0.5), (0.005, 1.0)):
        noise = torch.from_numpy(shake * rng.standard_normal((100, 1, 40, 2)))
        costs = reached(world, goal, none, lambda s, t, n=noise, k=share: k * expert(s) + n[t])
        assert (costs >= found.expert - 1e-12).all()
    assert found.aimless > 3 * found.expert


def test_the_cartpoles_expert_never_falls_whatever_the_physics():
    corners = np.array(np.meshgrid(GRAVITY, MASS, LENGTH, FORCE)).reshape(4, -1).T
    rng = np.random.default_rng(0)
    for physics in corners:
        physics = physics * (1, 1, 1, rng.choice((-1, 1)))
        found = anchors(CartPole(), physics, rng)
        assert found.expert == 0.0
        assert 0.6 < found.aimless < 0.98


def test_acting_at_random_in_navigation_costs_what_random_walks_cost():
    goal, rng = np.array([0.2, -0.4]), np.random.default_rng(0)
    walks = np.cumsum(rng.uniform(-STEP, STEP, (4000, 100, 2)), axis=1) - goal
    there = (np.abs(walks) < 0.01).all(-1)
    going = np.concatenate([np.ones((4000, 1)), 1 - np.maximum.accumulate(there, axis=1)[:, :-1]], axis=1)
    costs = (np.linalg.norm(walks, axis=-1) * going).mean(1)
    found = anchors(Navigation(), goal, rng).aimless
    assert abs(found - costs.mean()) < 4 * costs.std() / np.sqrt(256)


@every_world
def test_the_score_is_0_at_random_and_1_for_the_expert(name):
    task, theta, rows = problem(name)
    output = task.predict(spread(theta, 4), rows.x).detach()
    reach = task.loss(output, rows)
    for at, expected in ((0, 0.0), (1, 1.0)):
        y = rows.y.clone()
        y[..., at] = reach.unsqueeze(1)
        torch.testing.assert_close(task.score(output, rows._replace(y=y)), torch.full_like(reach, expected))
    between = (0.9 - reach) / 0.8
    torch.testing.assert_close(task.score(output, rows), between)


@every_world
def test_an_episode_is_a_function_of_policy_and_row_alone(name):
    task, theta, rows = problem(name)
    whole = task.predict(spread(theta, 4), rows.x)
    again = task.predict(spread(theta, 4), rows.x.clone())
    assert whole.detach().numpy().tobytes() == again.detach().numpy().tobytes()
    for client in range(4):
        alone = task.predict(spread(theta, 1), rows.x[client : client + 1])
        torch.testing.assert_close(alone[0], whole[client], rtol=1e-12, atol=1e-12)
    few = task.predict(spread(theta, 4), rows.x[:, 2:4])
    torch.testing.assert_close(few, whole[:, 2:4], rtol=1e-12, atol=1e-12)


@every_world
def test_chunks_and_padding_change_no_update(name):
    task, theta, rows = problem(name)
    episode = Episode(part(rows, slice(None), slice(0, 3)), part(rows, slice(None), slice(3, 6)))
    maml = ALGORITHMS["maml"](inner_steps=2, inner_lr=0.3)
    whole = maml.update(task, theta, {}, episode, 1)
    for clients in (slice(0, 1), slice(1, 4)):
        some = Episode(*(part(batch, clients) for batch in episode))
        padded = Episode(*(Batch(*(torch.cat([t, torch.zeros_like(t[:, :2])], 1) for t in batch)) for batch in some))
        for given in (some, padded):
            alone = maml.update(task, theta, {}, given, 1)
            torch.testing.assert_close(alone.losses, whole.losses[clients], rtol=1e-10, atol=1e-12)
            for parameter, direction in alone.directions.items():
                torch.testing.assert_close(direction, whole.directions[parameter][clients], rtol=1e-8, atol=1e-11)


@pytest.mark.compiler
@every_world
def test_our_kernels_and_pytorchs_agree(name):
    results = []
    for kernels in ("torch", "native"):
        task, theta, rows = problem(name, kernels=kernels)
        results.append(ALGORITHMS["maml"](inner_steps=1).update(task, theta, {}, Episode(rows, rows), 1))
    one, other = results
    for parameter, direction in one.directions.items():
        torch.testing.assert_close(direction, other.directions[parameter], rtol=1e-8, atol=1e-11)


@every_world
def test_a_policy_that_is_not_finite_costs_only_its_own_client(name):
    task, theta, rows = problem(name)
    params = {n: t.clone() for n, t in spread(theta, 4).items()}
    sound = task.predict(params, rows.x)
    params["toy.head.weight"][2] = torch.nan
    output = task.predict({n: t.detach().requires_grad_() for n, t in params.items()}, rows.x)
    for value in (task.loss(output, rows), task.score(output, rows)):
        assert value.isfinite().tolist() == [True, True, False, True]
    torch.testing.assert_close(task.loss(output, rows)[[0, 1, 3]], task.loss(sound, rows)[[0, 1, 3]])


@every_world
def test_rows_of_another_world_are_refused(name):
    task, theta, rows = problem(name)
    with pytest.raises(ValueError, match=f"have {task.environment.width} numbers, got {task.environment.width + 1}"):
        task.predict(spread(theta, 4), torch.cat([rows.x, rows.x[..., :1]], -1))


@every_world
@pytest.mark.parametrize("name_of_algorithm", [name for name, one in ALGORITHMS.items() if "control" in one.kinds])
def test_every_algorithm_that_descends_can_control(name, name_of_algorithm):
    task, theta, rows = problem(name, rows=4, clients=2)
    algorithm = ALGORITHMS[name_of_algorithm]()
    episode = Episode(part(rows, slice(None), slice(0, 2)), part(rows, slice(None), slice(2, 4)))
    personal = algorithm.personal(theta)
    state = {n: t.unsqueeze(0).repeat(2, *[1] * t.ndim) for n, t in personal.items()}
    update = algorithm.update(task, dict(algorithm.shared(theta)), state, episode, 1)
    moved = [value for values in (update.directions, update.state) for value in values.values()]
    assert all(value.isfinite().all() for value in moved)
    assert any(value.abs().max() > 0 for value in moved)
    assert task.score(update.output, episode.query).isfinite().all()


def test_prototypes_need_classes():
    with pytest.raises(ValueError, match="'environment' is control, but the algorithm Protonet is defined for"):
        Experiment(tasks="environment:cartpole", algorithm={"name": "protonet"})


@pytest.mark.parametrize(("source", "name"), [(Goals, "navigation"), (Poles, "cartpole")])
class TestEverySource:
    def test_same_seed_same_rows_other_clients_other_worlds(self, source, name):
        one, same, other = (source(Origin(seed, ())) for seed in (0, 0, 1))
        one.examples(0)
        left, right = one.examples(3), same.examples(3)
        assert left.x.tobytes() == right.x.tobytes()
        assert left.y.tobytes() == right.y.tobytes()
        worlds = {tuple(made.physics(client)) for made in (one, other) for client in range(20)}
        assert len(worlds) == 40

    def test_rows_are_physics_and_noise_that_no_two_episodes_share(self, source, name):
        made = source(Origin(0, ()))
        own = made.examples(1)
        known = len(made.environment.physics)
        assert own.x.shape == (160, made.environment.width)
        np.testing.assert_array_equal(own.x[:, :known], np.tile(made.physics(1).astype(np.float32), (160, 1)))
        assert len(np.unique(own.x[:, known:], axis=0)) == 160
        assert (own.oracle_score == 1).all()
        assert own.evaluation.sum() == 60
        assert (own.y == own.y[0]).all()
        assert own.y[0, 0] > own.y[0, 1] >= 0

    def test_groups_are_balanced(self, source, name):
        made = source(Origin(0, ()))
        groups = [made.group(made.physics(client)) for client in range(400)]
        shares = np.unique(groups, return_counts=True)[1] / 400
        assert shares.min() > 0.6 / len(shares)
        assert len(shares) > 1

    def test_the_policy_sees_no_physics(self, source, name):
        experiment = Experiment(tasks=f"environment:{name}", clients=4)
        task = Federation(experiment).tasks["environment"]
        theta = Federation(experiment).initial
        assert (
            theta["environment.stem.weight"].shape[0] == source(Origin(0, ())).features == task.environment.observation
        )
        assert theta["environment.head.bias"].shape == (task.environment.policy.outputs,)


def test_physics_lie_in_their_ranges():
    made = Poles(Origin(0, ()))
    physics = np.array([made.physics(client) for client in range(300)])
    for values, (low, high) in zip(np.abs(physics).T, (GRAVITY, MASS, LENGTH, FORCE), strict=True):
        assert low <= values.min() < low * (high / low) ** 0.1
        assert high * (low / high) ** 0.1 < values.max() <= high
    assert 0.4 < (physics[:, 3] < 0).mean() < 0.6


@pytest.mark.compiler
def test_unseen_clients_gain_by_one_step_of_policy_gradient():
    """Meta-training of a short navigation, without a server: 60 rounds of 10 goals, then 40 goals never seen."""
    world, maml = Navigation(20), ALGORITHMS["maml"](inner_steps=1, inner_lr=1.0)
    model = Mlp("toy", 2, 2, 32, 1, "tanh", kernels="native")
    theta = {n: t.requires_grad_() for n, t in initialize(layout({"toy": model}), 0, torch.float32).items()}
    adam, task = torch.optim.Adam(theta.values(), 0.005), Control(model, world)

    def episodes(goals, number):
        x = [world.rows(goal, 40, stream(0, "episodes", number, c)) for c, goal in enumerate(goals)]
        rows = Batch(torch.from_numpy(np.stack(x)), torch.zeros(len(goals), 40, 2), torch.ones(len(goals), 40))
        return Episode(part(rows, slice(None), slice(0, 20)), part(rows, slice(None), slice(20, 40)))

    def goals(name, *key, count):
        return stream(0, name, *key).uniform(-0.5, 0.5, (count, 2))

    for number in range(60):
        given = {n: t.detach() for n, t in theta.items()}
        update = maml.update(task, given, {}, episodes(goals("seen", number, count=10), number), number + 1)
        for name, tensor in theta.items():
            tensor.grad = update.directions[name].mean(0)
        adam.step()
    unseen = episodes(goals("unseen", count=40), 1000)
    with_client = spread({n: t.detach() for n, t in theta.items()}, 40)
    before, after = (
        task.loss(task.predict(phi, unseen.query.x), unseen.query).detach()
        for phi in maml.adapt(task, with_client, {}, unseen.support, 1)
    )
    gain = before - after
    assert gain.mean() - 3 * gain.std() / np.sqrt(40) > 0.03
    assert (gain > 0).float().mean() > 0.8


def test_the_whole_path_trains_and_evaluates_a_mixed_federation():
    experiment = Experiment(
        tasks="avatar,environment:navigation", clients=6, algorithm={"name": "maml", "inner_steps": 1}
    )
    host = Host(Federation(experiment))
    theta = host.layout.flatten(host.initial, host.layout.parts)
    vectors = {name: tensor.numpy() for name, tensor in theta.items()}
    trained, evaluation_rows = host.train(vectors, range(6), 1, {}), host.evaluate(vectors, range(6), {})
    assert not [*trained.failures, *evaluation_rows.failures]
    tables = [rows for rows in evaluation_rows.rows if host.roster.family(rows.client[0]) == "environment"]
    assert sum(len(rows.client) for rows in tables) == 3
    for own in tables:
        assert own.score.shape == (len(own.client), 2)
        assert (own.oracle_score == 1).all()
        assert set(own.group) <= {"near", "far"}
        np.testing.assert_array_equal(own.sizes, [[160, 20, 40]] * len(own.client))
        # the score is the loss on another scale, whose 0 and 1 are the client's own
        numbers = [host.roster.place(client).number for client in own.client.tolist()]
        anchored = [Goals(Origin(0, ())).examples(number).y[0] for number in numbers]
        for (random, expert), losses, scores in zip(anchored, own.loss, own.score, strict=True):
            np.testing.assert_allclose(scores, (random - losses) / (random - expert), rtol=1e-5)
