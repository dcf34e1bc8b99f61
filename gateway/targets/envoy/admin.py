"""What Envoy itself says about the files it was given: its own counters, read through the admin socket."""

import http.client
import json
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gateway.targets.envoy.options import EnvoyOptions
from portal.errors import GatewayUnavailable

# Its main thread answers, which may be reading a large file meanwhile.
_TIMEOUT_S = 10.0
_FILTER = r"\.update_(success|rejected|failure)$"


class _Admin(http.client.HTTPConnection):
    """HTTP over Envoy's admin socket."""

    def __init__(self, options: EnvoyOptions) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = str(options.admin_socket)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(self._path)


@dataclass(frozen=True, slots=True)
class Counters:
    """Envoy's counters at one moment. `born` tells one Envoy process from the next."""

    values: dict[str, int]
    born: int = 0

    def of(self, prefix: str, outcome: str) -> int:
        return self.values.get(f"{prefix}.update_{outcome}", 0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Envoy made of changed files: `evidence` names its counters, `refused` the files it did not take."""

    evidence: str
    refused: tuple[str, ...] = ()


def read_counters(options: EnvoyOptions) -> Counters:
    """Raises GatewayUnavailable when no Envoy answers."""
    body = _get(options, f"/stats?format=json&type=Counters&filter={quote(_FILTER)}")
    stats = json.loads(body)["stats"]
    # Envoy makes its admin socket anew at every start.
    born = options.admin_socket.stat().st_ctime_ns
    return Counters({stat["name"]: stat["value"] for stat in stats if "name" in stat}, born)


def is_up(options: EnvoyOptions) -> bool:
    """Whether an Envoy answers its admin socket and serves."""
    try:
        return _get(options, "/ready").strip() == b"LIVE"
    except GatewayUnavailable:
        return False


def await_verdict(
    options: EnvoyOptions, files: Iterable[str], before: Counters, *, seconds: float
) -> Verdict:
    """Wait until Envoy has read each of `files` again, and say what it made of them.

    Envoy started anew since `before` has read every file, whatever the counters were.
    Raises GatewayUnavailable when Envoy goes away, or has not read them in time.
    """
    names = {file: stat_prefix(file) for file in files}
    deadline = time.monotonic() + seconds
    while True:
        now = read_counters(options)
        base = before if before.born == now.born else Counters({})
        waiting = [file for file, prefix in names.items() if _done(prefix, now) <= _done(prefix, base)]
        if not waiting:
            return _verdict(names, base, now)
        if time.monotonic() > deadline:
            raise GatewayUnavailable(f"Envoy has not read {', '.join(waiting)} within {seconds:g} s.")
        time.sleep(0.005)


def stat_prefix(file: str) -> str:
    """The counters that move when Envoy reads `file`."""
    kind, *rest = file.split(".")
    if kind == "rds":
        return f"http.{rest[0]}.rds.{rest[0]}"
    fixed = {"lds": "listener_manager.lds", "cds": "cluster_manager.cds"}
    return fixed.get(kind) or f"extension_config_discovery.http_filter.{kind}"


def _done(prefix: str, counters: Counters) -> int:
    return sum(counters.of(prefix, outcome) for outcome in ("success", "rejected", "failure"))


def _verdict(names: dict[str, str], base: Counters, now: Counters) -> Verdict:
    refused = tuple(
        file
        for file, prefix in names.items()
        if any(now.of(prefix, outcome) > base.of(prefix, outcome) for outcome in ("rejected", "failure"))
    )
    evidence = " · ".join(
        f"{file} update_success {now.of(prefix, 'success')}" for file, prefix in names.items()
    )
    return Verdict(evidence, refused)


def reopen_logs(options: EnvoyOptions) -> None:
    """Ask Envoy to open its access log by name again, after a rename. It does so when it next writes.

    Raises GatewayUnavailable when no Envoy answers.
    """
    _ask(options, "POST", "/reopen_logs")


def _get(options: EnvoyOptions, path: str) -> bytes:
    return _ask(options, "GET", path)


def _ask(options: EnvoyOptions, method: str, path: str) -> bytes:
    connection = _Admin(options)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body: Any = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise GatewayUnavailable(
            f"Envoy does not answer: {error}.", remedy="Look at its log, envoy.log in the state folder."
        ) from None
    finally:
        connection.close()
    return body
