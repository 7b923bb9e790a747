"""Stock Flower: a plain ClientApp with a create_graph loop, and FedAvg, under Flower's own Ray simulation."""

import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from benchmarks.workloads import EPISODES


@lru_cache(maxsize=1)
def _central(settings: tuple[tuple[str, Any], ...]):
    import torch

    from benchmarks.contenders import Central
    from metafed.experiment.settings import Experiment

    torch.set_num_threads(1)
    return Central(Experiment.from_run_config(dict(settings)))


def client_app() -> ClientApp:
    """Return the ClientApp that a Flower user writes: θ in, θ − β · mean meta-gradient of its episodes out."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        from benchmarks.contenders import loop_gradient
        from metafed.core.parameters import part_of

        ask = message.content["config"]
        theta = message.content["arrays"].to_torch_state_dict()
        if ask["workload"] != "null":
            central = _central(tuple(zip(ask["keys"], map(_plain, ask["values"]), strict=True)))
            episodes = EPISODES[ask["workload"]]
            first = int(context.node_config["partition-id"]) * episodes
            own = [
                loop_gradient(central, theta, client, int(ask["round"])) for client in range(first, first + episodes)
            ]
            rate = central.experiment.outer.rate
            for name in theta:
                if name in own[0]:
                    theta[name] = theta[name] - rate * sum(g[name] for g in own) / episodes
            held = {part_of(name) for name in own[0]}
            theta = {name: t for name, t in theta.items() if part_of(name) in held}
        content = {"arrays": ArrayRecord(theta), "metrics": MetricRecord({"num-examples": 1})}
        return Message(RecordDict(content), reply_to=message)

    return app


def _plain(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"True": True, "False": False}.get(text, text)


class StockRound:
    """One round of FedAvg over a Flower grid, as ``Strategy.start`` does it."""

    def __init__(self, grid: Grid, workload: str, settings: dict[str, Any]) -> None:
        self.grid, self.strategy = grid, FedAvg(fraction_evaluate=0.0, fraction_train=1.0)
        self.config = {
            "workload": workload,
            "keys": list(settings),
            "values": [str(value) for value in settings.values()],
        }

    def __call__(self, theta: dict[str, Any], server_round: int) -> dict[str, Any]:
        config = ConfigRecord({**self.config, "round": server_round})
        messages = self.strategy.configure_train(server_round, ArrayRecord(theta), config, self.grid)
        replies = self.grid.send_and_receive(messages)
        if self.config["workload"] == "default":
            return held_parts_mean(theta, replies)
        arrays, _ = self.strategy.aggregate_train(server_round, replies)
        assert arrays is not None, "every stock client answered"
        return arrays.to_torch_state_dict()


def held_parts_mean(theta: dict[str, Any], replies: Iterable[Message]) -> dict[str, Any]:
    """Average every parameter over the clients that hold it, which FedAvg cannot do."""
    held = [reply.content["arrays"].to_torch_state_dict() for reply in replies]
    groups = {name: [own[name] for own in held if name in own] for name in theta}
    return {name: sum(found) / len(found) if found else theta[name] for name, found in groups.items()}


def under_flower(clients: int, work: Callable[[Grid], None]) -> None:
    """Run ``work`` as the main function of a ServerApp in Flower's simulation of ``clients`` SuperNodes."""
    import flwr.simulation

    logging.getLogger("flwr").setLevel(logging.ERROR)
    server = ServerApp()

    @server.main()
    def main(grid: Grid, context: Context) -> None:
        work(grid)

    flwr.simulation.run_simulation(
        server_app=server,
        client_app=client_app(),
        num_supernodes=clients,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
