"""An access log as Envoy writes it, by hand: for what a real Envoy does not do on request."""

import json
from pathlib import Path
from typing import Any

from gateway.targets.envoy import Address, EnvoyOptions
from gateway.usage.access_log import AccessLog
from tests.gateway.envoy import ENVIRONMENTS, PROBE_SECRET, free_port


def log_in(folder: Path, limit: int = 1_000_000) -> AccessLog:
    """A log whose Envoy does not run."""
    listeners = {name: Address("127.0.0.1", free_port()) for name in ENVIRONMENTS}
    return AccessLog(EnvoyOptions(directory=folder, listeners=listeners, probe_secret=PROBE_SECRET), limit)


def line(**fields: Any) -> bytes:
    """One call that was answered well, but for `fields`; None leaves a field out."""
    known = {
        "api": "orders",
        "application": "app_1",
        "checked": "allowed",
        "credential": "cred_1",
        "details": "via_upstream",
        "duration_ms": 7,
        "environment": "production",
        "method": "GET",
        "operation": "GET /items",
        "path": "/orders/v1/items",
        "plan": "gold",
        "received": 10,
        "request_id": "5e6a8f8e-9c56-4b6e-8e8d-0123456789ab",
        "sent": 100,
        "status": 200,
        "time": "2026-11-23T12:00:30.123Z",
        "version": "1.0.0",
    }
    kept = {name: value for name, value in (known | fields).items() if value is not None}
    return json.dumps(kept, separators=(",", ":")).encode() + b"\n"


def append(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.writelines(lines)
