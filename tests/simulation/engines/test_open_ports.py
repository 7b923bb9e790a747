"""What a Ray engine opens: ports of this machine only, and sockets where their names have room."""

import ipaddress
import os

import psutil
import pytest
import ray

from simulation.engines.ray import RayGrid, short_folder

pytestmark = pytest.mark.ray


def test_it_listens_at_the_loopback_interface_only_and_its_workers_find_us(small, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("x" * 90)))
    (tmp_path / ("x" * 90)).mkdir()
    # as in the folder of a Flower project: workers look for our packages elsewhere first
    for name in ("client", "metafed", "simulation"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    grid = RayGrid(small.to_run_config(), workers=1)
    try:
        own = psutil.Process()
        open_ports = [
            ipaddress.ip_address(found.laddr.ip)
            for process in (own, *own.children(recursive=True))
            for found in process.net_connections(kind="inet")
            if found.status == psutil.CONN_LISTEN
        ]
        assert open_ports
        outside = [ip for ip in open_ports if not (getattr(ip, "ipv4_mapped", None) or ip).is_loopback]
        assert outside == []
        assert ray.get(grid._crew.idle[0].alive.remote(), timeout=120) is None
        assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ
    finally:
        grid.close()
    assert not os.path.exists(grid._folder)


def test_a_long_name_gets_a_short_folder(monkeypatch):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp")
    assert short_folder() is None
    monkeypatch.setenv("TMPDIR", "/tmp/" + "x" * 100)
    made = str(short_folder())
    os.rmdir(made)
    assert len(made) < 30
