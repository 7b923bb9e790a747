"""The guard before the SuperLink: what passes, what does not, and what it says."""

import asyncio

import pytest

from simulation.deployment.superlink import Guard

KEY = "a-control-key-of-decent-length"


def scope(path, host="192.0.2.7", authorization=None):
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return {"type": "http", "path": path, "headers": headers, "client": (host, 4711)}


async def reached(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


def answer(asked):
    sent = []

    async def send(event):
        sent.append(event)

    asyncio.run(Guard(reached, KEY)(asked, None, send))
    return sent[0]["status"]


@pytest.mark.parametrize("host", ["192.0.2.7", "127.0.0.1"])
@pytest.mark.parametrize("said", [None, "", KEY, "Bearer", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"bearer {KEY}"])
def test_the_control_api_wants_the_key_even_from_this_machine(said, host):
    assert answer(scope("/v1/control/start-run", host, said)) == 401


def test_the_control_api_takes_the_key():
    assert answer(scope("/v1/control/start-run", authorization=f"Bearer {KEY}")) == 200


@pytest.mark.parametrize("path", ["/v1/fleet/pull-messages", "/health"])
def test_open_interfaces(path):
    assert answer(scope(path)) == 200


@pytest.mark.parametrize("path", ["/v1/runtime/acquire-task", "/docs", "/openapi.json", "/", "/v1/controls", "/v2/x"])
def test_the_rest_answers_to_the_same_machine_alone(path):
    assert answer(scope(path)) == 403
    assert answer(scope(path, authorization=f"Bearer {KEY}")) == 403
    assert answer(scope(path, "127.0.0.1")) == 200
