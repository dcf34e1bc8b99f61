"""From a Snapshot to files on disk that Envoy watches."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from gateway.snapshot import Denied, Snapshot, Version
from gateway.targets.envoy.clusters import cluster_resources
from gateway.targets.envoy.listeners import TRIAL, listener_resources
from gateway.targets.envoy.options import EnvoyOptions
from gateway.targets.envoy.policies import (
    clients_resource,
    deny_resource,
    jwt_resource,
    keys_resource,
    limits_resource,
    rate_limit_resource,
    recent_resource,
    subscriptions_resource,
)
from gateway.targets.envoy.routes import route_resource

# Envoy's own limit of 100 would refuse a path template of some 90 characters, and with it all routes. Ours are bounded
# by MAX_PATH, and matched in linear time.
_RUNTIME = {"re2.max_program_size.error_level": 20000, "re2.max_program_size.warn_level": 20000}
# Of 10,000 upstreams Envoy would count a million things: 250 MB, and two seconds for each look at the counters, in which
# no change is taken. These few of theirs stay, the first because the pace of health checks goes by it, the second because
# the share of addresses left out does.
_STATS = {
    "stats_matcher": {
        "inclusion_list": {
            "patterns": [
                *(
                    {"prefix": name}
                    for name in (
                        "cluster_manager.",
                        "extension_config_discovery.",
                        "filesystem.",
                        "http.",
                        "listener",
                        "server.",
                    )
                ),
                *(
                    {"suffix": name}
                    for name in (".upstream_cx_total", ".ejections_active", ".membership_healthy")
                ),
            ]
        }
    }
}
# A file's inode, its size in bytes, and the time of its last change in nanoseconds.
Stamp = tuple[int, int, int]
RECENT_FILE = "recent.json"
MAP_FILE = "subs.pb"
TRIAL_FILE = f"rds.{TRIAL}.json"
# Room on the disk for some thousand revocations; and what a file takes besides its content.
_ROOM_BYTES = 1 << 20
_BLOCKS_BYTES = 1 << 14


def render(
    snapshot: Snapshot,
    options: EnvoyOptions,
    *,
    reuse: Mapping[str, bytes] | None = None,
    recent: Collection[str] = (),
) -> dict[str, bytes]:
    """Every resource file's name and bytes, in the order to write them. Files in `reuse` are not rendered again.

    `recent` are the subscriptions (lookup keys) of which Envoy's map of all may not say what is agreed, because it is
    an older one or will still be one for a while: a small file says it ahead of that map.

    The deny list comes first, because a revocation must not wait; then what the later files refer to: clusters before
    routes, plans before subscriptions.
    """
    kept = reuse or {}
    return {
        name: kept[name] if name in kept else body()
        for name, body in _renderers(snapshot, options, recent).items()
    }


def _renderers(
    snapshot: Snapshot, options: EnvoyOptions, recent: Collection[str]
) -> dict[str, Callable[[], bytes]]:
    states = snapshot.environments
    versions = [version for state in states.values() for version in state.versions]

    def own(file: str, body: Callable[[str], bytes]) -> dict[str, Callable[[], bytes]]:
        """One file for each environment."""
        return {file.format(name): partial(body, name) for name in states}

    return {
        "deny.json": lambda: render_deny(snapshot.denied),
        "cds.json": lambda: _discovery(*cluster_resources(versions, options.ca_file)),
        "ratelimit.json": lambda: _discovery(rate_limit_resource(snapshot.plans)),
        RECENT_FILE: lambda: _discovery(recent_resource(snapshot, recent)),
        **own("jwt.{}.json", lambda name: _discovery(jwt_resource(snapshot.issuer, states[name]))),
        # Before the keys that name them: limits that are not there let nobody in.
        "limits.json": lambda: _discovery(limits_resource(snapshot)),
        **own("keys.{}.pb", lambda name: keys_resource(states[name])),
        **own("clients.{}.pb", lambda name: clients_resource(states[name])),
        MAP_FILE: lambda: subscriptions_resource(snapshot),
        **own("rds.{}.json", lambda name: routes_file(name, states[name].versions)),
        TRIAL_FILE: lambda: routes_file(TRIAL, ()),
        "lds.json": lambda: _discovery(*listener_resources(options)),
    }


def render_deny(denied: Denied) -> bytes:
    """The deny list's file alone."""
    return _discovery(deny_resource(denied))


def routes_file(name: str, versions: Iterable[Version]) -> bytes:
    """One route table's file."""
    return _discovery(route_resource(name, versions))


def clusters_file(resources: Iterable[Any]) -> bytes:
    """The upstreams' file, of resources already made."""
    return _discovery(*resources)


def _discovery(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"resources": resources}, separators=(",", ":")).encode()


def digest(contents: Mapping[str, str]) -> str:
    """One SHA-256 (hex) over all files' names and the SHA-256 (hex) of each content."""
    total = hashlib.sha256()
    for name, content in sorted(contents.items()):
        total.update(name.encode() + b"\0" + bytes.fromhex(content))
    return total.hexdigest()


def write_resources(files: Mapping[str, bytes], options: EnvoyOptions) -> list[str]:
    """Write the files whose content differs from what is on disk, in the given order; return their names."""
    _private_directory(options.directory)
    _private_directory(options.resources)
    return [name for name, content in files.items() if write_if_changed(options.resources / name, content)]


def write_bootstrap(options: EnvoyOptions) -> None:
    """Write Envoy's start file. Call it after `write_resources`: whoever starts Envoy waits for this file."""
    lds = {"resource_api_version": "V3", "path_config_source": {"path": str(options.resources / "lds.json")}}
    cds = {"resource_api_version": "V3", "path_config_source": {"path": str(options.resources / "cds.json")}}
    bootstrap = {
        "node": {"id": "portico", "cluster": "portico"},
        "admin": {"address": {"pipe": {"path": str(options.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {"lds_config": lds, "cds_config": cds},
        "stats_config": _STATS,
        "layered_runtime": {"layers": [{"name": "portico", "static_layer": _RUNTIME}]},
    }
    write_if_changed(options.bootstrap, json.dumps(bootstrap, indent=1).encode())


def write_if_changed(path: Path, content: bytes) -> bool:
    """Replace the file in one step, so that neither Envoy nor a crash ever meets half of it.

    Raises OSError, a full disk for instance; the former file then still stands.
    """
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    replace_file(path, content)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Write it whatever is there, so that Envoy reads it in any case. Raises OSError; the former file then stands."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        _write_synced(temporary, content)
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def keep_room(options: EnvoyOptions) -> None:
    """Take a little of the disk while there is some: what must be written comes to be written on a full one too."""
    reserve = _reserve(options)
    if not reserve.exists() or reserve.stat().st_size < _ROOM_BYTES:
        # Random, so that no file system makes little of it.
        with suppress(OSError):
            replace_file(reserve, os.urandom(_ROOM_BYTES))


def make_room(options: EnvoyOptions, size: int) -> None:
    """Give back as much of it as a file of `size` bytes needs, and no more: others wait for room too. Raises OSError."""
    with suppress(FileNotFoundError):
        reserve = _reserve(options)
        os.truncate(reserve, max(0, reserve.stat().st_size - size - _BLOCKS_BYTES))


def _reserve(options: EnvoyOptions) -> Path:
    return options.directory / "room"


def stamp_of(path: Path) -> Stamp | None:
    """What changes whenever somebody writes the file; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private_directory(path: Path) -> None:
    """The files hold the probe secret and who may call what: nobody else on the machine reads them."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
