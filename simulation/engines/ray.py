"""``--engine ray``: one Ray actor a worker, on its own share of CPU and GPU; a large θ is put once a round."""

import logging
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import copy
from typing import Any, cast

# what is smaller travels with a call or its answer, not by Ray's store, which takes a millisecond or more each time: a
# default run's answers are just above Ray's own limit of 100 kB. Ray reads this when it is imported.
os.environ.setdefault("RAY_max_direct_call_object_size", str(2**20))
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, RecordDict
from ray._private import ray_constants
from ray.actor import ActorHandle
from ray.exceptions import RayError
from ray.job_config import JobConfig

# a module travels to the workers by its name, what is in it would be copied
from client import app as flower
from client.device import name, resolve
from metafed.core import session
from metafed.core.cores import cores
from metafed.experiment.settings import Experiment
from metafed.federation.federation import federation_of
from simulation import HOME
from simulation.cli.room import short_for_ray
from simulation.engines.crew import Crew
from simulation.engines.grid import PoolGrid, failed, named, pool_context, take_identity
from simulation.engines.networks import Apart, apart, lend
from simulation.engines.queue import Queue

SHARED = 0.25
"""GPUs of a worker that trains on one, where nothing else is asked for."""
WITH_THE_CALL = 2**18
"""Bytes of a θ that is sent with every message; a larger one is put into Ray's store once a round. Medians of 60 by the
first and by the second way: 0.8 and 3.0 ms for one message of 22 kB, 7.3 and 12 for eight of 256 kB, 13 and 12 for
eight of 900 kB."""
LOOPBACK = "127.0.0.1"
"""Where a cluster of our own listens: nobody else can reach it."""
LONGEST_TMPDIR = 40
"""Signs of a folder below which Ray's sockets, of 60 signs or so, have room: a socket's path has 107 at most."""
MOST_WORKERS = 64
"""Workers where no number is asked for, at most."""
MOST_TRIES = 3
"""Times that a message is given to a worker before its clients are recorded as failed; see ``fewer``."""


class _AtTheEnd(list[str]):
    """Stays at the end of its list, whatever is added."""

    def extend(self, more: Iterable[str]) -> None:
        """Add before what is there already."""
        self[:0] = more


@ray.remote
class Worker:
    """A process that runs the ClientApp."""

    def __init__(
        self, run_config: dict[str, Any], device: str, things: Mapping[str, Any], networks: Mapping[str, Apart]
    ) -> None:
        take_identity()
        self._app = flower.app
        self._serve(run_config, device, things, networks)

    def answer(self, message: Message, theta: ArrayRecord | None, states: RecordDict) -> tuple[Message, RecordDict]:
        """Answer one message whose θ travelled apart; returns the reply and the states that it left."""
        if theta is not None:
            message.content["theta"] = theta
        self._context.state = states
        try:
            return self._app(message, self._context), self._context.state
        except Exception as error:
            return failed(message, f"{type(error).__name__}: {error}"), RecordDict()

    def turn(self, run_config: dict[str, Any], things: Mapping[str, Any], networks: Mapping[str, Apart]) -> None:
        """Serve another experiment from now on."""
        self._serve(run_config, str(self._context.node_config["device"]), things, networks)

    def _serve(
        self, run_config: dict[str, Any], device: str, things: Mapping[str, Any], networks: Mapping[str, Apart]
    ) -> None:
        session.take(things)
        lend(run_config, networks)
        self._context = pool_context(run_config, device)
        flower.ready(self._context)

    def alive(self) -> None:
        """Answer, which says that this worker lives."""

    def device(self) -> dict[str, str]:
        """Return what this worker trains on, and its name."""
        device = resolve(str(self._context.node_config["device"]))
        return {"device": str(device), "name": name(device)}


class RayGrid(PoolGrid):
    """Shares the messages of a round among workers, as ``Queue`` says.

    Args:
        run_config: The experiment.
        workers: How many workers; None: as many as the cluster's CPUs (and GPUs) allow.
        worker_cpus: CPUs of one worker; fractions are allowed.
        worker_gpus: GPUs of one worker; with a fraction several workers share one GPU. None: ``SHARED`` where clients
            are trained on GPUs that Ray deals out, else 0.
        address: A running Ray cluster; None starts one on this machine, or takes that to which this process is
            connected already.
        device: Where the workers train: auto, cpu, cuda or cuda:N.

    Raises:
        ValueError: Not one worker fits the cluster, or there is no such device (NoDevice), or an address is given and
            this process is connected to a cluster already.
        ConnectionError: There is no cluster at ``address``.
    """

    def __init__(
        self,
        run_config: dict[str, Any],
        workers: int | None = None,
        worker_cpus: float = 1.0,
        worker_gpus: float | None = None,
        address: str | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self._folder: str | None = None
        self._joined = ray.is_initialized()
        if self._joined and address is not None:
            raise ValueError(
                f"--ray-address {address}: this process is connected to a Ray cluster already; leave it out to run"
                " there, or call ray.shutdown() before"
            )
        self._remote = address is not None or self._joined
        if not self._remote and device != "cpu":
            # the workers are on this machine: what is not here is said before anything is started

            device = str(resolve(device))
        if not self._joined:
            # asked for more workers than there are cores, a cluster of our own lets them share
            here = max(cores(), math.ceil((workers or 1) * worker_cpus))
            own = {"address": "local", "num_cpus": here, "include_dashboard": False, "_node_ip_address": LOOPBACK}
            if not address and (folder := short_folder()):
                self._folder = folder
                own["_temp_dir"] = f"{folder}/r"  # Ray lets everybody into its own folder, and nobody into this one
            options: dict[str, Any] = {"address": address} if address else own
            # the last folder is where a worker looks first: not into the current one, which Ray adds
            options["job_config"] = JobConfig(_py_driver_sys_path=_AtTheEnd([str(HOME)]))
            try:
                with nullcontext() if address else this_machine_only():
                    ray.init(log_to_driver=False, configure_logging=False, logging_level=logging.WARNING, **options)
            except ConnectionError:
                raise
            except (
                Exception
            ) as error:  # Ray's own are plain Exceptions, as where the machine is too slow for its limits
                self.close()
                raise ConnectionError(f"--engine ray: Ray does not start: {error}{short_for_ray()}") from error
        total = ray.cluster_resources()
        try:
            self._device = among(total, device) if self._remote else device
            gpus = (SHARED if self._device == "cuda" else 0.0) if worker_gpus is None else worker_gpus
            self.workers = count(workers, worker_cpus, gpus, total)
        except ValueError:
            if not self._joined:
                self.close()
            raise
        remote = Worker.options(num_cpus=worker_cpus, num_gpus=gpus, max_restarts=0)  # type: ignore[attr-defined]
        self._run_config, self._shared = run_config, shared(run_config)
        self._doomed = doomed(run_config)
        self._waiting: Queue[ActorHandle] = Queue()
        self._crew = Crew(lambda: remote.remote(self._run_config, self._device, *self._shared), self.workers)

    @property
    def device(self) -> Mapping[str, str]:
        """What the workers train on, as the first of them says where it is not this machine's CPU."""
        if self._device == "cpu" and not self._remote:
            return super().device
        return cast(dict[str, str], ray.get(self._crew.idle[0].device.remote()))

    def answer(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        """Answer the messages; a worker that dies costs the messages that it held some repetitions each."""
        deadline = None if timeout is None else time.monotonic() + timeout
        put: dict[int, ArrayRecord | ray.ObjectRef] = {}
        running: dict[ray.ObjectRef, tuple[ActorHandle, Message, int]] = {}
        replies: list[Message] = []
        crew = self._crew
        crew.rested()
        waiting = self._waiting
        waiting.fill(messages, crew.idle)
        while waiting or running:
            while waiting and crew.idle:
                worker = crew.idle.popleft()
                message, tries = waiting.next(worker)
                running[self._send(worker, message, fewer(message, tries), put)] = (worker, message, tries)
                if tries == 1 and self._doomed and self._doomed(message):
                    ray.kill(worker)  # a fault on purpose
            expected = [*running, *crew.asked]
            if not expected:
                replies += [failed(message, "no worker is left: those that start die") for message in waiting.rest()]
                break
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, _ = ray.wait(expected, num_returns=1, timeout=left)
            if not done:
                break
            if done[0] in crew.asked:
                crew.answered(done[0])
                continue
            worker, message, tries = running.pop(done[0])
            try:
                reply, states = ray.get(done[0])
                self.states.update(states)
                replies.append(reply)
                crew.idle.append(worker)
            except RayError as error:
                crew.lost(worker, type(error).__name__)
                if tries < MOST_TRIES or fewer(message, tries) > 1:
                    waiting.again(message, tries + 1)
                else:
                    replies.append(failed(message, f"worker lost {tries} times: {type(error).__name__}"))
        for worker, _, _ in running.values():
            crew.replace(worker)
        return replies

    def turn(self, run_config: dict[str, Any]) -> None:
        """Serve another experiment from now on, by the same workers. A worker that is lost meanwhile is replaced."""
        self._run_config, self._shared = run_config, shared(run_config)
        self._doomed = doomed(run_config)
        self.states.restore({})
        while self._crew.asked:
            # those that were started for the last experiment
            self._crew.answered(next(iter(self._crew.asked)))
        for worker, turned in [(worker, worker.turn.remote(run_config, *self._shared)) for worker in self._crew.idle]:
            try:
                ray.get(turned)
            except RayError:
                self._crew.idle.remove(worker)
                self._crew.replace(worker)

    def close(self) -> None:
        """Stop the workers, and the cluster if it was started here; a connection that was there before stays."""
        if self._joined and ray.is_initialized():
            self._crew.stop()
        elif ray.is_initialized():
            ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _send(
        self, worker: ActorHandle, message: Message, most: int, put: dict[int, ArrayRecord | ray.ObjectRef]
    ) -> ray.ObjectRef:
        theta = message.content.array_records.get("theta")
        if theta is None:
            return worker.answer.remote(message, None, RecordDict())
        if id(theta) not in put:
            small = sum(len(array.data) for array in theta.values()) <= WITH_THE_CALL
            put[id(theta)] = theta if small else ray.put(theta)
        light = copy(message)
        light.content = RecordDict({name: record for name, record in message.content.items() if name != "theta"})
        ask = message.content.config_records["ask"]
        if most < len(named(message)):
            light.content["ask"] = ConfigRecord({**ask, "most": most})
        return worker.answer.remote(light, put[id(theta)], self.states.of(named(message)))


@contextmanager
def this_machine_only() -> Iterator[None]:
    """Have a cluster that is started meanwhile listen on the loopback interface only.

    Ray replaces 127.0.0.1 by an address that others reach, unless a variable says, as is the default on macOS, that
    there will be no other machine; its servers then listen for this one only.
    """
    variable = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
    before = ray_constants.ENABLE_RAY_CLUSTER, os.environ.get(variable)
    ray_constants.ENABLE_RAY_CLUSTER, os.environ[variable] = False, "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before[0]
        del os.environ[variable]
        if before[1] is not None:
            os.environ[variable] = before[1]


def short_folder() -> str | None:
    """Make a folder for Ray where that for temporary files has too long a name; None: Ray's own choice will do.

    Raises:
        ConnectionError: It cannot be made.
    """
    chosen = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or ""
    if len(os.fsencode(chosen)) <= LONGEST_TMPDIR:
        return None
    try:
        return tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    except OSError as error:
        raise ConnectionError(
            f"--engine ray: Ray's sockets have no room below {chosen}, and /tmp cannot be written ({error.strerror});"
            " set a shorter TMPDIR, or choose --engine local"
        ) from None


def shared(run_config: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what workers need of this process, in Ray's store, where there is any.

    It is what the experiment names of this Python session, and its networks with frozen values.
    """
    things, networks = session.named(run_config.values()), apart(run_config)
    return ray.put(things) if things else things, ray.put(networks) if networks else networks


def doomed(run_config: Mapping[str, Any]) -> Callable[[Message], bool] | None:
    """Return what tells the messages whose worker is lost on purpose; None where none is."""
    if not run_config.get("faults"):
        return None

    faults = federation_of(Experiment.from_run_config(run_config)).faults

    def lost(message: Message) -> bool:
        if faults is None or message.metadata.message_type != MessageType.TRAIN:
            return False
        server_round = int(str(message.content.config_records["ask"]["round"]))
        return bool(faults.among(named(message), server_round, ("worker",)))

    return lost


def fewer(message: Message, tries: int) -> int:
    """Return how many of a message's clients a worker may train at a time when it gets the message again.

    The first repetition is as the first time, so that a lost worker or node does not show in the result's bits. What
    kills a second one without a word is most often the system, for want of memory: from then on every repetition is
    with half as many at a time, down to one.
    """
    return max(1, len(named(message)) >> max(0, tries - 2))


def among(total: Mapping[str, float], asked: str) -> str:
    """Return the device of the workers of a cluster with the resources ``total``; auto is cuda where there are GPUs.

    Raises:
        ValueError: The cluster has no GPU and one is asked for.
    """
    if asked == "auto":
        return "cuda" if total.get("GPU") else "cpu"
    if asked != "cpu" and not total.get("GPU"):
        raise ValueError(f"--device {asked}: the cluster has no GPU; choose --device cpu or auto")
    return asked


def count(workers: int | None, cpus: float, gpus: float, total: Mapping[str, float]) -> int:
    """Return how many workers to start.

    Raises:
        ValueError: So many do not fit, or not one does.
    """
    room = total.get("CPU", 0.0) // cpus if cpus else float("inf")
    if gpus:
        room = min(room, total.get("GPU", 0.0) // gpus)
    if room < (workers or 1):
        raise ValueError(
            f"--workers {workers or 1} with --worker-cpus {cpus:g} and --worker-gpus {gpus:g}"
            f" do not fit {total.get('CPU', 0):g} CPUs and {total.get('GPU', 0):g} GPUs;"
            f" at most {int(room)} fit"
        )
    return workers or int(min(room, MOST_WORKERS))
