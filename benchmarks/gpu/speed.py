"""How fast a card is: its peak, rounds of 50, 500 and 5,000 clients, chunks of hundreds, the share of drawing."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.counting import counted
from benchmarks.gpu.budget import Part
from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"tasks": "blobs"},
    "conv4": {"tasks": "blob-images"},
    "resnet8": {"tasks": "blob-images", "network": "benchmarks.gpu.networks:ResNet8"},
    "minilm-lora": {"tasks": "blobs", "network": "benchmarks.gpu.networks:MiniLm"},
}
"""What clients train, by exact MAML of five steps."""
TINY: dict[str, dict[str, Any]] = {
    "mlp": {"width": 4},
    "conv4": {"filters": 2},
    "resnet8": {"network.width": 8},
    "minilm-lora": {"network.width": 32, "network.depth": 1},
}
COHORTS = (50, 500, 5000)
CHUNKS = {"mlp": 1000, "conv4": 100, "resnet8": 100, "minilm-lora": 25}
"""Clients of a chunk at most."""


def host_of(part: Part, network: str, clients: int, chunk: int) -> Host:
    """Return a host of so many clients."""
    steps = 1 if part.quick else 5
    own = {**NETWORKS[network], **(TINY[network] if part.quick else {})}
    inner = {key.partition(".")[2]: own.pop(key) for key in [*own] if "." in key}
    if inner:
        own["network"] = {"name": own["network"], **inner}
    common = {"clients": clients, "cohort": clients, "chunk": chunk, "unseen": 0.0, "eval_every": 0, "kernels": "torch"}
    algorithm = {"name": "maml", "inner_steps": steps}
    return Host(Federation(Experiment.model_validate({**common, "algorithm": algorithm, **own})), part.device)


def seconds(work: Callable[[], Any], times: int, device: str) -> list[float]:
    """Time ``work`` after one time that does not count; what a card still computes is waited for."""
    found = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - begun)
    return found[1:]


def peak(part: Part) -> None:
    """Multiply square matrices: the most that products of this precision reach here, in TFLOP/s."""
    for size in (64,) if part.quick else (4096, 8192):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            if part.begins(f"{size}, {dtype}"):
                one = torch.randn(size, size, device=part.device).to(dtype)
                took = min(seconds(partial(torch.mm, one, one), 2 if part.quick else 10, part.device))
                part.found[f"{str(dtype).removeprefix('torch.')} {size}"] = 2 * size**3 / took / 1e12


def rounds(part: Part) -> None:
    """Time rounds of a host: draw, bring to the card, update, sum, bring back; with their operations and memory."""
    for clients in (4,) if part.quick else COHORTS:
        for network in NETWORKS:
            name, chunk = f"{network}, {clients}", min(clients, CHUNKS[network])
            # of two more rounds the longer may take as long as ten times fewer clients took, ten times
            before = part.found.get(f"{network}, {clients // 10}", {}).get("seconds", 0.0)
            if part.begins(name, 30 * before):
                part.found[name] = of_rounds(part, network, clients, chunk)


def of_rounds(part: Part, network: str, clients: int, chunk: int) -> dict[str, Any]:
    """Time rounds of one network."""
    host = host_of(part, network, clients, chunk)
    theta, number = host.federation.vectors, iter(range(1, 1000))
    answers: list[Any] = []
    if part.device != "cpu":
        torch.cuda.reset_peak_memory_stats()

    def one() -> None:
        answers[:] = [host.train(theta, list(range(clients)), next(number), {})]

    took = seconds(one, 1 if part.quick else 2, part.device)
    few = min(2, clients)
    operations = counted(lambda: host.train(theta, list(range(few)), 1, {})) / few * clients
    return {
        "clients": clients,
        "chunk": chunk,
        "seconds": statistics.median(took),
        "tflops": operations / statistics.median(took) / 1e12,
        "peak_mib": None if part.device == "cpu" else torch.cuda.max_memory_allocated() / 2**20,
        "failed": len(answers[0].failures),
        "why": answers[0].failures[0].reason if answers[0].failures else None,
        "halved": [each._asdict() for each in answers[0].halved],
    }


def chunks(part: Part) -> None:
    """Time one chunk of growing size: milliseconds a client, and which share of it is drawing on the CPU."""
    for network in ("mlp",) if part.quick else ("mlp", "conv4", "resnet8"):
        for chunk in (2, 4) if part.quick else (50, 100, 200, 400, 800, 1600):
            name = f"{network}, {chunk}"
            before = part.found.get(f"{network}, {chunk // 2}", {}).get("seconds", 0.0)
            if part.begins(name, 8 * before):
                part.found[name] = of_chunk(part, network, chunk)


def of_chunk(part: Part, network: str, chunk: int) -> dict[str, float]:
    """Time one chunk, and the drawing of its episodes, which is done on the CPU."""
    host = host_of(part, network, chunk, chunk)
    theta, clients = host.federation.vectors, list(range(chunk))
    whole = statistics.median(seconds(lambda: host.train(theta, clients, 1, {}), 2, part.device))
    drawing = statistics.median(seconds(lambda: host.population.training(clients, 1), 2, "cpu"))
    return {"seconds": whole, "ms_a_client": whole / chunk * 1e3, "drawing": drawing / whole}
