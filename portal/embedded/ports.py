"""Who listens on a port, and whether something answers there."""

import http.client
import socket
import urllib.error
import urllib.request
from pathlib import Path

from portal.embedded.processes import command_line

LISTENING = "0A"  # a TCP state of /proc/net/tcp


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """True where a connection is accepted."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def http_status(url: str) -> int | None:
    """The status of a GET without following a proxy, or None where nothing answers in 2 s."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None


def socket_status(path: Path, target: str) -> int | None:
    """The status of a GET over a Unix socket, or None where nothing answers in 2 s."""
    connection = http.client.HTTPConnection("localhost", timeout=2)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(2)
        connection.sock.connect(str(path))
        connection.request("GET", target)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def describe_owner(port: int) -> str:
    """`nginx (pid 12)` for who listens on a port, or "" where that cannot be told (another user's, or not Linux)."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").glob("[0-9]*"):
        if inodes and _holds(folder / "fd", inodes):
            pid = int(folder.name)
            return f"{_short(command_line(pid))} (pid {pid})"
    return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{columns[9]}]")
    return found


def _holds(descriptors: Path, inodes: set[str]) -> bool:
    try:
        return any(str(descriptor.readlink()) in inodes for descriptor in descriptors.iterdir())
    except OSError:
        return False


def _short(command: str, limit: int = 60) -> str:
    command = " ".join(command.split())
    return command if len(command) <= limit else f"{command[: limit - 1]}…"
