"""``python -m benchmarks.on_a_gpu``: what a host takes to train a round's clients, on the CPU and on a GPU.

A host in this process, no server: draw the episodes, bring them to the device, update, sum, and bring the sum back.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import tyro

from benchmarks.results import complain
from client.device import NoDevice, resolve
from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation.cli.errors import BadInput

WORKLOADS = {
    "mlp": {"tasks": "avatar"},
    "mlp wide 512": {"tasks": "avatar", "width": 512, "depth": 2},
    "conv4": {"tasks": "blob-images"},
    "conv4, fomaml": {"tasks": "blob-images", "algorithm": "fomaml"},
}
"""Settings of the experiment; all is exact MAML of five steps but for the last."""
SIZES = ((50, 50), (400, 100), (1000, 500), (4000, 2000))
"""Clients of a round, and of a chunk."""
MOST = {("mlp", "cpu"): 400, ("mlp", "gpu"): 4000, ("conv4", "cpu"): 50, ("conv4", "gpu"): 1000}
"""Clients of a round that are not too many to wait for, by kind of network and of device."""


@dataclass
class Options:
    """Time rounds of a host on the CPU and on a GPU."""

    devices: tuple[str, ...] = ("cpu", "cuda")
    """Where: cpu, cuda or cuda:N."""
    rounds: int = 5
    """Rounds of each, after one that is not counted; two of conv4 on a CPU."""


def measured(settings: dict[str, object], clients: int, chunk: int, device: str, rounds: int) -> str:
    """Return what was measured, in words: the median of the rounds, and the most memory that tensors took."""
    experiment = Experiment(clients=clients, cohort=clients, chunk=chunk, unseen=0.0, eval_every=0, **settings)
    federation, seconds = Federation(experiment), []
    host, theta = Host(federation, device), federation.vectors
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats(device)
    for server_round in range(1, rounds + 2):
        began = time.perf_counter()
        # the answer is in numpy: nothing is still being computed
        answer = host.train(theta, list(range(clients)), server_round, {})
        seconds.append(time.perf_counter() - began)
    peak = "" if device == "cpu" else f", at most {torch.cuda.max_memory_allocated(device) / 2**20:.0f} MiB"
    lost = f", {len(answer.failures)} failed, {len(answer.halved)} halved" if answer.failures or answer.halved else ""
    return f"{device} {statistics.median(seconds[1:]) * 1e3:.1f} ms{peak}{lost}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.on_a_gpu", description=__doc__)
    try:
        for device in options.devices:
            resolve(device)
    except NoDevice as error:
        return complain(BadInput(str(error)))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"torch {torch.__version__}, {gpu}, {torch.get_num_threads()} threads")
    for name, settings in WORKLOADS.items():
        network = "conv4" if name.startswith("conv4") else "mlp"
        for clients, chunk in SIZES:
            reported = []
            for device in options.devices:
                if clients > MOST[network, "cpu" if device == "cpu" else "gpu"]:
                    continue
                rounds = 2 if device == "cpu" and network == "conv4" else options.rounds
                reported.append(measured(settings, clients, chunk, device, rounds))
            if reported:
                print(f"{name}: {clients} clients in chunks of {chunk}: {'; '.join(reported)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
