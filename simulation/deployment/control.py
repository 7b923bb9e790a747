"""A client of the SuperLink's Control API: nodes are registered and expelled, runs submitted, watched and stopped."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self, final

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.cli.build import build_fab_from_disk
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    ListRunsRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
    StreamLogsRequest,
    UnregisterNodeRequest,
)
from flwr.proto.run_pb2 import RunStatus
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.error import FlowerError
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.client import ProtobufCall, ProtobufClientInterceptor, ProtobufRequestContext

from simulation.deployment.errors import Refused

FINISHED, COMPLETED = "finished", "completed"
ONLINE, UNREGISTERED = "online", "unregistered"


class Node(NamedTuple):
    """A SuperNode as the SuperLink knows it; ``status`` is registered, online, offline or unregistered."""

    node_id: int
    name: str
    status: str
    public_key: bytes


@final
class _Bearer:
    """Adds the control key to every request."""

    def __init__(self, key: str) -> None:
        self._key = key

    def intercept(self, context: ProtobufRequestContext, call_next: ProtobufCall) -> httpx.Response:
        context.request.headers["authorization"] = f"Bearer {self._key}"
        return call_next(context)


@final
class Control:
    """The Control API of one SuperLink.

    Args:
        address: ``host:port``.
        folder: The operator's folder, with ``ca.crt`` and ``control.key``.

    Every method raises ``Refused`` where the SuperLink does.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        interceptors: list[ProtobufClientInterceptor] = [
            _Bearer((folder / "control.key").read_text(encoding="ascii").strip()),
            RuntimeVersionHttpInterceptor(component_name="metafed"),
        ]
        root = (folder / "ca.crt").read_bytes()
        self._client = ControlHttpClient.from_server_address(address, False, root, interceptors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what a request may fail with into ``Refused``."""
        try:
            yield
        except httpx.HTTPStatusError as error:
            flower = FlowerError.from_json(error.response.text)
            reason = flower.message if flower else error.response.text.strip()[:300]
            raise Refused(f"the SuperLink at {self.address} refused ({error.response.status_code}): {reason}") from None
        except httpx.HTTPError as error:
            raise Refused(f"the SuperLink at {self.address} cannot be reached: {error}") from None

    def register(self, public_key: Path, name: str) -> int:
        """Let the node with this public key (OpenSSH format) take part; returns its id. A known key keeps its id."""
        wanted = public_bytes(public_key)
        for node in self.nodes():
            if node.public_key == wanted and node.status != UNREGISTERED:
                return node.node_id
        with self._errors():
            return self._client.RegisterNode(RegisterNodeRequest(public_key=wanted, name=name)).node_id

    def expel(self, node_id: int) -> None:
        """Let a node take part no longer. Its key cannot be registered again."""
        with self._errors():
            self._client.UnregisterNode(UnregisterNodeRequest(node_id=node_id))

    def nodes(self) -> list[Node]:
        """Return the nodes that are or were registered."""
        with self._errors():
            found = self._client.ListNodes(ListNodesRequest()).nodes_info
        return [Node(node.node_id, node.name, node.status, node.public_key) for node in found]

    def submit(self, app: Path, run_config: Mapping[str, bool | int | float | str]) -> int:
        """Have the Flower app in the folder ``app`` run, and return the run's id."""
        bundle = build_fab_from_disk(app)
        fab = Fab(hashlib.sha256(bundle).hexdigest(), bundle, {})
        request = StartRunRequest(fab=fab_to_proto(fab), override_config=user_config_to_proto(dict(run_config)))
        with self._errors():
            answer = self._client.StartRun(request)
        if not answer.HasField("run_id"):
            raise Refused(f"the SuperLink at {self.address} did not start the run: {answer.note}")
        return answer.run_id

    def status(self, run_id: int) -> RunStatus:
        """Return where the run stands."""
        with self._errors():
            found: RunStatus = self._client.ListRuns(ListRunsRequest(run_id=run_id)).run_dict[run_id].status
        return found

    def logs(self, run_id: int) -> Iterator[str]:
        """Yield what the ServerApp logs, until the run ends."""
        with self._errors():
            for piece in self._client.StreamLogs(StreamLogsRequest(run_id=run_id, after_timestamp=0.0)):
                yield piece.log_output

    def stop(self, run_id: int) -> None:
        """Stop the run."""
        with self._errors():
            self._client.StopRun(StopRunRequest(run_id=run_id))


def public_bytes(path: Path) -> bytes:
    """Read a public key in OpenSSH's format.

    Raises:
        Refused: There is none of an elliptic curve in the file.
    """
    try:
        key = serialization.load_ssh_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: no public key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Refused(f"{path}: a {type(key).__name__}; Flower takes keys of NIST's elliptic curves, such as P-384")
    return public_key_to_bytes(key)
