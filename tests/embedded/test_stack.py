"""Settings of the stack: addresses from ports, secrets, refusals in one line."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portal.embedded import assets, stack
from portal.embedded.ports import answers, describe_owner, http_status
from portal.embedded.processes import StartFailed, free_port, port_is_free
from portal.embedded.up import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ports():
    return {name: str(free_port()) for name in stack.PUBLIC_PORTS}


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_load_makes_addresses_from_ports(tmp_path):
    loaded = stack.load(
        {"PORTICO_STATE": str(tmp_path), "PORTICO_PORT": "9000", "PORTICO_SANDBOX_PORT": "9002"}
    )
    assert loaded.portal_url == "http://127.0.0.1:9000"
    assert loaded.gateway_urls == {"production": "http://127.0.0.1:8081", "sandbox": "http://127.0.0.1:9002"}
    assert loaded.env["PORTICO_GATEWAY_SANDBOX_LISTEN"] == "127.0.0.1:9002"
    assert loaded.env["PORTICO_STATE"] == str(tmp_path)


def test_load_keeps_what_the_environment_names(tmp_path):
    given = {
        "PORTICO_STATE": str(tmp_path),
        "PORTICO_URL": "https://apis.example.com",
        "DATABASE_URL": "postgresql://x/y",
    }
    loaded = stack.load(given)
    assert loaded.portal_url == "https://apis.example.com"
    assert not loaded.runs_postgres


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_load_refuses_a_port_that_is_none(text):
    with pytest.raises(StartFailed, match="PORTICO_PORT must be a port number"):
        stack.load({"PORTICO_PORT": text})


def test_taken_port_is_named_with_its_owner_and_the_variable(tmp_path, ports, taken_port):
    """Envoy would share a port that was bound with SO_REUSEPORT without an error."""
    loaded = stack.load({**ports, "PORTICO_STATE": str(tmp_path), "PORTICO_GATEWAY_PORT": str(taken_port)})
    with pytest.raises(StartFailed) as failure:
        stack.check_public_ports(loaded)
    message = failure.value.message
    assert f"port {taken_port}" in message
    assert f"pid {os.getpid()}" in message
    assert "PORTICO_GATEWAY_PORT" in message
    assert "\n" not in message


def test_ports_tells_who_listens(taken_port):
    assert not port_is_free(taken_port)
    assert answers(taken_port)
    assert f"(pid {os.getpid()})" in describe_owner(taken_port)
    assert http_status(f"http://127.0.0.1:{free_port()}/") is None


def test_ensure_secret_makes_one_and_keeps_it(tmp_path):
    loaded = [stack.load({"PORTICO_STATE": str(tmp_path)}) for _ in range(2)]
    for one in loaded:
        stack.ensure_secret(one)
    assert loaded[0].env["PORTICO_SECRET_KEY"] == loaded[1].env["PORTICO_SECRET_KEY"]
    assert len(loaded[0].env["PORTICO_SECRET_KEY"]) > 40
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_ensure_secret_makes_none_outside_demo_mode(tmp_path):
    loaded = stack.load({"PORTICO_STATE": str(tmp_path), "PORTICO_DEMO": "0"})
    stack.ensure_secret(loaded)
    assert "PORTICO_SECRET_KEY" not in loaded.env


def test_services_run_without_demo_backend_outside_demo_mode(tmp_path):
    demo = stack.load({"PORTICO_STATE": str(tmp_path)})
    real = stack.load({"PORTICO_STATE": str(tmp_path), "PORTICO_DEMO": "0", "PORTICO_GATEWAY": "external"})
    names = [service.name for service in stack.services(demo)]
    assert names == ["web", "worker", "beat", "watch", "gateway", "usage", "backend", "envoy"]
    assert [service.name for service in stack.services(real)] == names[:6]


def test_up_reports_a_missing_envoy_in_one_line(tmp_path, ports, monkeypatch, capfd):
    monkeypatch.setenv("PORTICO_STATE", str(tmp_path))
    monkeypatch.setenv("PORTICO_ENVOY", "/nowhere/envoy")
    monkeypatch.delenv("DATABASE_URL")
    for name, port in ports.items():
        monkeypatch.setenv(name, port)
    assert main() == 1
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert "/nowhere/envoy" in error


def test_up_reports_a_missing_package_in_one_line():
    bare = subprocess.run(
        [sys.executable, "-S", "-E", "manage.py", "up"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert bare.returncode == 1
    assert bare.stderr.count("\n") == 1
    assert "is not installed" in bare.stderr


def test_fingerprint_changes_with_a_static_file(tmp_path):
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "base.css").write_text("a {}")
    before = assets.fingerprint(tmp_path)
    assert assets.fingerprint(tmp_path) == before
    (tmp_path / "static" / "base.css").write_text("a { color: red }")
    assert assets.fingerprint(tmp_path) != before


def test_collected_is_empty_until_noted(tmp_path):
    assert assets.collected(tmp_path / "static") == ""
    assets.note(tmp_path / "static", "mark")
    assert assets.collected(tmp_path / "static") == "mark"
