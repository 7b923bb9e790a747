"""``python -m simulation.deployment.superlink``: Flower's SuperLink, with a guard in front of it.

Flower 1.41 serves three interfaces on one port: ``/v1/fleet/`` for SuperNodes, which sign every request;
``/v1/control/`` for those who register nodes and submit runs, that is, code that every node executes, open to whoever
reaches the port (accounts are not part of the free distribution); and ``/v1/runtime/``, by which the SuperLink's own
processes take up tasks, open as well. The guard closes both: the Control API asks for the key of the federation, as a
bearer token, and all but the Fleet API and ``/health`` answer to this machine alone. Connections that do not get as far
as HTTP, such as plain ones, are noted too. The arguments are flower-superlink's own.
"""

import hmac
import logging
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, final

KEY_FILE = "METAFED_CONTROL_KEY_FILE"
"""Environment variable: the file that holds the federation's control key."""
SHORTEST_KEY = 16

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTROL, OPEN = "/v1/control/", ("/v1/fleet/", "/health")
HERE = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@final
class Guard:
    """ASGI middleware that refuses who may not ask; each refusal is a line in the log."""

    def __init__(self, app: App, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = self.refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            return await self._app(scope, receive, send)
        status, reason = refusal
        host = (scope.get("client") or ("unknown",))[0]
        note("Refused %s to %s: %s", scope["path"], host, reason)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": reason.encode()})

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason why the request is refused; None if it is not."""
        path = str(scope["path"])
        if path.startswith(CONTROL):
            header = dict(scope["headers"]).get(b"authorization", b"")
            if hmac.compare_digest(header, b"Bearer " + self._key):
                return None
            return 401, "a wrong control key" if header else "no control key"
        if path.startswith(OPEN) or (scope.get("client") or ("unknown",))[0] in HERE:
            return None
        return 403, "this interface answers to the SuperLink's own machine alone"


def note(message: str, *values: object) -> None:
    """Write a line into the SuperLink's log."""
    logging.getLogger("flwr").warning(f"[Guard] {message}", *values)


def note_handshakes() -> None:
    """Have failed TLS handshakes noted; asyncio, which serves them, tells of them in its debug mode only."""
    from asyncio import sslproto

    # uvicorn prefers uvloop, whose protocol is compiled and keeps silent; a federation's few requests do not need it
    sys.modules["uvloop"] = None  # type: ignore[assignment]
    protocol: Any = sslproto.SSLProtocol
    fatal = protocol._fatal_error

    def report_error(self: Any, error: BaseException, *rest: Any) -> None:
        peer = self._transport.get_extra_info("peername") if self._transport else None
        note("Refused a connection from %s: %s %s", (peer or ("unknown",))[0], type(error).__name__, error)
        fatal(self, error, *rest)

    protocol._fatal_error = report_error


def main() -> int:
    """Start the SuperLink; blocks until it ends."""
    if not {"-h", "--help"}.isdisjoint(sys.argv[1:]):
        from flwr.superlink.cli.flower_superlink import flower_superlink as explain

        print(f"{KEY_FILE} names the file of the control key; all else is flower-superlink's own:\n")
        explain()
    named = os.environ.get(KEY_FILE, "")
    try:
        key = Path(named).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        print(f"metafed: {KEY_FILE}={named!r}: {error}; it names the file of the control key", file=sys.stderr)
        return 2
    if len(key) < SHORTEST_KEY:
        print(f"metafed: {KEY_FILE}={named!r}: a key has at least {SHORTEST_KEY} characters", file=sys.stderr)
        return 2
    import flwr.superlink.main as service
    from flwr.superlink.cli.flower_superlink import flower_superlink

    make = service.create_app

    def guarded(*arguments: Any, **settings: Any) -> Any:
        app = make(*arguments, **settings)
        app.add_middleware(Guard, key=key)  # the last one added is the outermost
        return app

    service.create_app = guarded
    note_handshakes()
    flower_superlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
