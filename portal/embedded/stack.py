"""What `manage.py up` runs, and with which settings. Reads the environment once; starts nothing.

The supervisor and all its children get their settings as environment variables, so a child is the same process that a
Deployment would run.
"""

import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.targets.envoy import EnvoyOptions, envoy_command
from portal.embedded.ports import answers, describe_owner, http_status, socket_status
from portal.embedded.processes import StartFailed, free_port, port_is_free

ROOT = Path(__file__).resolve().parents[2]
DEMO_SERVICE = "demo-backend.portico-demo"
PUBLIC_PORTS = {
    "PORTICO_PORT": ("the portal", 8000),
    "PORTICO_GATEWAY_PORT": ("the production gateway", 8081),
    "PORTICO_SANDBOX_PORT": ("the sandbox gateway", 8082),
}


@dataclass(frozen=True)
class Service:
    """One child of the supervisor. `after` must exist before it starts; `ready` tells that it serves.

    `forks`: it runs the project's code, so it may be forked from the loaded supervisor in place of an exec.
    """

    name: str
    command: list[str]
    ready: Callable[[], bool] | None = None
    after: Path | None = None
    forks: bool = False
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass
class Stack:
    """The folders, ports and environment of one running Portico."""

    state: Path
    ports: dict[str, int]
    env: dict[str, str]

    @property
    def portal_url(self) -> str:
        return self.env["PORTICO_URL"]

    @property
    def gateway_urls(self) -> dict[str, str]:
        return {
            "production": self.env["PORTICO_GATEWAY_PRODUCTION_URL"],
            "sandbox": self.env["PORTICO_GATEWAY_SANDBOX_URL"],
        }

    @property
    def gateway_dir(self) -> Path:
        return Path(self.env["PORTICO_GATEWAY_DIR"])

    @property
    def runs_envoy(self) -> bool:
        return self.env["PORTICO_GATEWAY"] == "embedded"

    @property
    def runs_postgres(self) -> bool:
        return not self.env.get("DATABASE_URL")

    def log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"


def load(environ: Mapping[str, str]) -> Stack:
    """The stack this environment asks for. Raises StartFailed for a port that is taken or not a number."""
    state = Path(environ.get("PORTICO_STATE") or ROOT / "var").absolute()
    env = {**environ, "PORTICO_STATE": str(state), "PYTHONUNBUFFERED": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    env.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    env.setdefault("PORTICO_DEMO", "1")
    env.setdefault("PORTICO_GATEWAY", "embedded")
    env.setdefault("PORTICO_GATEWAY_DIR", str(state / "gateway"))
    env.setdefault("PORTICO_STATIC_ROOT", str(state / "static"))
    ports = {name: _port(environ, name, default) for name, (_, default) in PUBLIC_PORTS.items()}
    # Nobody types it. Not one fixed number that two demos, started at once, would both find free.
    ports["backend"] = free_port()
    _set_addresses(env, ports)
    return Stack(state=state, ports=ports, env=env)


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise StartFailed(f"{name} must be a port number, not {text!r}")
    return int(text)


def _set_addresses(env: dict[str, str], ports: dict[str, int]) -> None:
    env.setdefault("PORTICO_URL", f"http://127.0.0.1:{ports['PORTICO_PORT']}")
    for environment, name in (("PRODUCTION", "PORTICO_GATEWAY_PORT"), ("SANDBOX", "PORTICO_SANDBOX_PORT")):
        address = f"127.0.0.1:{ports[name]}"
        env.setdefault(f"PORTICO_GATEWAY_{environment}_URL", f"http://{address}")
        env.setdefault(f"PORTICO_GATEWAY_{environment}_LISTEN", address)
    env.setdefault("PORTICO_SERVICE_ADDRESSES", f"{DEMO_SERVICE}=127.0.0.1:{ports['backend']}")


def check_public_ports(stack: Stack) -> None:
    """Refuse to start beside a stranger: Envoy would share its port without an error and get half of the calls."""
    for name, (what, _) in PUBLIC_PORTS.items():
        if name != "PORTICO_PORT" and not stack.runs_envoy:
            continue
        port = stack.ports[name]
        if not port_is_free(port):
            owner = describe_owner(port)
            raise StartFailed(
                f"port {port}, wanted by {what}, is taken{f' by {owner}' if owner else ''}; "
                f"free it or set {name} to another port"
            )


def ensure_secret(stack: Stack) -> None:
    """In demo mode make the secret key and keep it; anywhere else the settings insist on PORTICO_SECRET_KEY."""
    if stack.env.get("PORTICO_SECRET_KEY") or stack.env["PORTICO_DEMO"] != "1":
        return
    path = stack.state / "secret_key"
    if not path.exists() or not path.read_text().strip():
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(secrets.token_urlsafe(48))
    stack.env["PORTICO_SECRET_KEY"] = path.read_text().strip()


def services(stack: Stack) -> list[Service]:
    """Everything but Postgres, which the supervisor starts first."""
    python = sys.executable
    manage = [python, str(ROOT / "manage.py")]
    celery = [python, "-m", "celery", "-A", "portal"]
    quiet = [
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]  # the queue's SQL has no topics for them
    listed = [
        Service(
            "web",
            _gunicorn(stack),
            ready=lambda: http_status(f"{_bind_url(stack)}/readyz") == 200,
            forks=True,
        ),
        Service("worker", [*celery, "worker", "-c", "2", "-l", "INFO", *quiet], forks=True),
        Service(
            "beat",
            [*celery, "beat", "-l", "INFO", "-s", str(stack.state / "beat-schedule"), "--pidfile="],
            forks=True,
        ),
        Service("watch", [*manage, "watch"], forks=True),
        Service("gateway", [*manage, "gateway"], forks=True),
        Service("usage", [*manage, "usage"], forks=True),
    ]
    if stack.env["PORTICO_DEMO"] == "1":
        listed.append(_backend(stack))
    if stack.runs_envoy:
        listed.append(_envoy(stack))
    return listed


def _bind_url(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.ports['PORTICO_PORT']}"


def _gunicorn(stack: Stack) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "portal.wsgi",
        "--bind",
        f"127.0.0.1:{stack.ports['PORTICO_PORT']}",
    ]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--graceful-timeout", "4"]
    # Heartbeat files on a disk can stall a worker; the control socket would be written under HOME.
    if Path("/dev/shm").is_dir():  # noqa: S108  memory, and gunicorn unlinks its file at once
        command += ["--worker-tmp-dir", "/dev/shm"]  # noqa: S108
    return [*command, "--no-control-socket", "--access-logfile", "-"]


def _backend(stack: Stack) -> Service:
    port = stack.ports["backend"]
    command = [sys.executable, str(ROOT / "deploy" / "demo" / "backend.py"), "--port", str(port)]
    return Service("backend", command, ready=lambda: answers(port))


def _envoy(stack: Stack) -> Service:
    """Starts once the gateway agent, the only writer of its files, has written the first complete set."""
    options = EnvoyOptions(directory=stack.gateway_dir, listeners={}, probe_secret="")
    return Service(
        "envoy",
        envoy_command(options),
        after=options.bootstrap,
        ready=lambda: socket_status(options.admin_socket, "/ready") == 200,
    )
