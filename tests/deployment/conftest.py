"""Federations of real processes, shared by the tests: one whose nodes the tests start, and one that works."""

import socket

import pytest

from simulation.deployment.control import Control
from simulation.deployment.local import LocalFederation
from tests.deployment.joining import join


@pytest.fixture(scope="session")
def federation(tmp_path_factory):
    """A SuperLink with TLS and node authentication, to which nobody is registered yet."""
    with LocalFederation(tmp_path_factory.mktemp("federation"), 3) as made:
        made.start_superlink()
        yield made


@pytest.fixture(scope="session")
def control(federation):
    with Control(federation.address, federation.operator) as made:
        yield made


@pytest.fixture(scope="session")
def discreet(tmp_path_factory):
    """Two nodes that have joined and keep their clients' rows to themselves."""
    with LocalFederation(tmp_path_factory.mktemp("discreet") / "federation", 2, shared=False) as made:
        join(made, 2)
        yield made


@pytest.fixture
def plain(federation):
    """A connection to the SuperLink's port, without TLS."""
    with socket.create_connection(("127.0.0.1", federation.port), timeout=60) as made:
        yield made
