"""Objectives on the whole path: through hosts, messages and the strategy; on any hosts and engine alike."""

import json

import numpy as np
import pytest
from flwr.app import Context, RecordDict

from client.app import app
from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.objectives import OBJECTIVES, Minimax
from simulation.engines.grid import PoolGrid
from simulation.engines.local import LocalGrid
from tests.cases import some
from tests.integration.pool import assert_workers_give_the_bits_of_one_process, initial, run, strategy_of

SETTINGS = {
    **{name: {"name": name} for name in OBJECTIVES},
    "minimax over groups": {"name": "minimax", "over": "groups", "rate": 1.0},
    "gap over families": {"name": "gap", "over": "families"},
    "strong tilt": {"name": "tilted", "t": 500.0},
    "high power": {"name": "qffl", "q": 80.0},
}
each_objective = pytest.mark.parametrize("name", SETTINGS)


class Nodes(PoolGrid):
    """As many hosts as asked for, each with its share of the clients, as in a deployment."""

    def __init__(self, run_config, count, **config):
        super().__init__()
        shares = [{"partition-id": share, "num-partitions": count, **config} for share in range(count)]
        self.contexts = {10 + i: Context(1, 10 + i, share, RecordDict(), run_config) for i, share in enumerate(shares)}

    def get_node_ids(self):
        return list(self.contexts)

    def answer(self, messages, timeout):
        return [app(message, self.contexts[message.metadata.dst_node_id]) for message in messages]

    def close(self):
        pass


def with_objective(experiment, name, **changed):
    return Experiment.model_validate(
        {**experiment.model_dump(), "rounds": 3, "objective": SETTINGS[name], **renewed(changed)}
    )


@pytest.mark.parametrize("name", some(SETTINGS, "mean", "qffl", "minimax", "cvar", "gap over families"))
def test_any_number_of_hosts_and_any_chunking_step_alike(small, name):
    experiment = with_objective(small, name)
    whole = run(experiment)
    # minimax and cvar need single clients' losses
    several = run(experiment, Nodes(experiment.to_run_config(), 3, **{"share-client-rows": True}))
    alone = with_objective(small, name, chunk=1)
    single = run(alone)
    for part, vector in whole.items():
        np.testing.assert_allclose(vector, several[part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(vector, single[part], rtol=1e-8, atol=1e-9)
        assert np.isfinite(vector).all()


@pytest.mark.parametrize(
    "name", some([name for name in SETTINGS if name != "mean"], "weighted", "propfair", "strong tilt")
)
def test_an_objective_changes_the_result(small, name):
    # minimax steps by the λ that was: its first step is the mean's
    left, right = run(with_objective(small, name)), run(with_objective(small, "mean"))
    assert any(not np.allclose(left[part], right[part], rtol=1e-6) for part in left)


@pytest.mark.ray
def test_workers_give_the_bits_of_one_process(small, workers):
    for name in ("minimax", "gap"):  # one asks its hosts, the other sums by group
        experiment = with_objective(small, name)
        assert_workers_give_the_bits_of_one_process(experiment, workers)


def kept_of(strategy):
    """Return the objective's state."""
    (weighting,) = (stage for stage in strategy.stages if stage.name == "objective")
    return weighting.state()["state"]


@each_objective
def test_what_the_server_keeps_is_plain_json(small, name):
    experiment = with_objective(small, name)
    strategy, rounds = strategy_of(experiment), []
    grid = LocalGrid(experiment.to_run_config())
    from server.asking import record

    strategy.observe = rounds.append
    strategy.start(grid, record(initial(experiment)), num_rounds=3, timeout=600)
    kept = kept_of(strategy)
    state = json.loads(json.dumps(kept, allow_nan=False))
    assert state == kept
    # with a state that went through a file the same is asked
    clients, objective = list(range(8)), experiment.objective
    assert objective.ask(state, clients) == objective.ask(kept, clients)


def test_the_server_learns_whom_minimax_serves_badly(small):
    experiment = with_objective(small, "minimax", objective={"name": "minimax", "rate": 2.0})
    strategy, rounds = strategy_of(experiment), []
    from server.asking import record

    strategy.observe = rounds.append
    grid = LocalGrid(experiment.to_run_config())
    strategy.start(grid, record(initial(experiment)), num_rounds=1, timeout=600)
    (finished,) = rounds
    losses = {int(c): float(v) for rows in finished.training for c, v in zip(rows.client, rows.loss[:, 0], strict=True)}
    expected = Minimax(rate=2.0)
    from metafed.objectives import NOTHING

    _, state = expected.step(NOTHING, expected.start(8), losses)
    assert kept_of(strategy) == state
    assert max(state["own"], key=state["own"].get) == str(max(losses, key=losses.get))


def test_a_client_of_negative_loss_costs_qffl_itself_alone(small):
    from client.host import Host
    from metafed.algorithms import Maml

    experiment = with_objective(small, "qffl")
    host, theta = Host(Federation(experiment)), initial(experiment)
    family, chunk = host.federation.chunks(range(8))[0]

    class Negative(Maml.__mro__[1]):
        """MAML whose first client of a chunk of several, and every client alone if it is that one, has loss −1."""

        outer = Maml.outer

        def adapt(self, *arguments):
            return Maml().adapt(*arguments)

        def update(self, task, theta, state, episode, server_round):
            update = Maml().update(task, theta, state, episode, server_round)
            return update._replace(
                losses=update.losses - 1e3 * (episode.support.x[:, 0, 0] == marker).to(update.losses)
            )

    marker = host.population.training(chunk, 1).episode.support.x[0, 0, 0]
    host.algorithms = {family: Negative()}
    answer = host.train(theta, chunk, 1, {})
    assert [failure.client for failure in answer.failures] == [chunk[0]]
    assert "below 0" in answer.failures[0].reason
    assert sorted(int(c) for rows in answer.rows for c in rows.client) == sorted(chunk[1:])
    assert family in answer.contribution.weights
