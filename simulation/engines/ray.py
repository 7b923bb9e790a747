"""``--engine ray``: one Ray actor a worker, on its own share of CPU and GPU; θ put once a round."""

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, cast

import ray
from flwr.app import ArrayRecord, Message, RecordDict
from ray.actor import ActorHandle
from ray.exceptions import RayError

from client.states import PREFIX
from simulation.engines.grid import PoolGrid, failed, pool_context, take_identity


@ray.remote
class Worker:
    """A process that runs the ClientApp."""

    def __init__(self, run_config: dict[str, Any], device: str) -> None:
        # imported here: the driver need not wait for what only workers use
        from client.app import app

        take_identity()
        self._app, self._context = app, pool_context(run_config, device)

    def answer(self, message: Message, theta: ArrayRecord | None, states: RecordDict) -> tuple[Message, RecordDict]:
        """Answer one message whose θ travelled apart; returns the reply and the states that it left."""
        if theta is not None:
            message.content["theta"] = theta
        self._context.state = states
        try:
            return self._app(message, self._context), self._context.state
        except Exception as error:
            return failed(message, f"{type(error).__name__}: {error}"), RecordDict()


class RayGrid(PoolGrid):
    """Shares the messages of a round among workers, the next message to the next idle worker.

    Args:
        run_config: The experiment.
        workers: How many workers; None: as many as the cluster's CPUs (and GPUs) allow.
        worker_cpus: CPUs of one worker; fractions are allowed.
        worker_gpus: GPUs of one worker; with a fraction several workers share one GPU.
        address: A running Ray cluster; None starts one on this machine.
        device: Torch device in the workers.

    Raises:
        ValueError: Not one worker fits the cluster.
        ConnectionError: There is no cluster at ``address``.
    """

    def __init__(
        self,
        run_config: dict[str, Any],
        workers: int | None = None,
        worker_cpus: float = 1.0,
        worker_gpus: float = 0.0,
        address: str | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        if not ray.is_initialized():
            # asked for more workers than there are cores, a cluster of our own lets them share
            cores = max(os.cpu_count() or 1, math.ceil((workers or 1) * worker_cpus))
            own = {"address": "local", "num_cpus": cores, "include_dashboard": False}
            options: dict[str, Any] = {"address": address} if address else own
            ray.init(log_to_driver=False, configure_logging=False, logging_level=logging.WARNING, **options)
        total = ray.cluster_resources()
        room = total.get("CPU", 0.0) // worker_cpus if worker_cpus else float("inf")
        if worker_gpus:
            room = min(room, total.get("GPU", 0.0) // worker_gpus)
        if room < (workers or 1):
            self.close()
            raise ValueError(
                f"--workers {workers or 1} with --worker-cpus {worker_cpus:g} and --worker-gpus {worker_gpus:g}"
                f" do not fit {total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs;"
                f" at most {int(room)} fit"
            )
        self.workers = workers or int(min(room, 64))
        remote = Worker.options(num_cpus=worker_cpus, num_gpus=worker_gpus, max_restarts=-1)  # type: ignore[attr-defined]
        self._make: Callable[[], ActorHandle] = lambda: remote.remote(run_config, device)
        # any worker may get a client next: the driver keeps what the client's own device would
        self._states: dict[str, Any] = {}
        self._idle: deque[ActorHandle] = deque(self._make() for _ in range(self.workers))

    def answer(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        """Answer the messages; a worker that dies costs the messages that it held one repetition each."""
        deadline = None if timeout is None else time.monotonic() + timeout
        put: dict[int, ray.ObjectRef] = {}
        waiting = deque((message, 1) for message in messages)
        running: dict[ray.ObjectRef, tuple[ActorHandle, Message, int]] = {}
        replies: list[Message] = []
        while waiting or running:
            while waiting and self._idle:
                message, tries = waiting.popleft()
                worker = self._idle.popleft()
                running[self._send(worker, message, put)] = (worker, message, tries)
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = ray.wait(list(running), num_returns=1, timeout=left)
            if not done:
                break
            worker, message, tries = running.pop(done[0])
            try:
                reply, states = ray.get(done[0])
                self._states.update(states)
                replies.append(reply)
                self._idle.append(worker)
            except RayError as error:
                self._replace(worker)
                if tries < MOST_TRIES:
                    waiting.append((message, tries + 1))
                else:
                    replies.append(failed(message, f"worker lost {tries} times: {type(error).__name__}"))
        for worker, _, _ in running.values():
            self._replace(worker)
        return replies

    def close(self) -> None:
        """Stop the workers, and the cluster if it was started here."""
        if ray.is_initialized():
            ray.shutdown()

    def _send(self, worker: ActorHandle, message: Message, put: dict[int, ray.ObjectRef]) -> ray.ObjectRef:
        theta = message.content.array_records.get("theta")
        if theta is None:
            return worker.answer.remote(message, None, RecordDict())
        if id(theta) not in put:
            put[id(theta)] = ray.put(theta)
        rest = {name: record for name, record in message.content.items() if name != "theta"}
        light = copy(message)
        light.content = RecordDict(rest)
        ask = message.content.config_records["ask"]
        keys = [f"{PREFIX}{client}" for client in cast(list[int], ask["clients"])] if self._states else []
        states = RecordDict({key: self._states[key] for key in keys if key in self._states})
        return worker.answer.remote(light, put[id(theta)], states)

    def _replace(self, worker: ActorHandle) -> None:
        """Take a lost or late worker out and put a new one in."""
        ray.kill(worker)
        self._idle.append(self._make())


MOST_TRIES = 3
"""Times that a message is given to a worker before its clients are recorded as failed."""
