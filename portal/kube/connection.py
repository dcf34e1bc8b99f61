"""Requests to one Kubernetes API server: credentials, bounded answers, and its refusals as our errors."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from portal.errors import ClusterUnavailable, Conflict, Invalid, NotFound, PorticoError
from portal.kube.edits import held_in
from portal.kube.errors import AccessDenied, HeldByOthers, KindNotInstalled, VersionExpired
from portal.kube.objects import Kind

# The most that one answer, or one line of a watch, may have. etcd holds objects of at most 1.5 MB.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_LINE_BYTES = 8 * 1024 * 1024
# Seconds for a whole answer: a server that sends a byte now and then is as good as gone.
ANSWER_SECONDS = 120.0
_TIMEOUT = httpx2.Timeout(30, connect=5)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Everything that a kubeconfig, a token file or an exec plug-in can do wrong; ValueError is a broken answer, too.
_CONFIG_ERRORS = (
    ConfigError,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    yaml.YAMLError,
    subprocess.SubprocessError,
)


class TooMuch(Exception):
    """An answer is larger, or nested deeper, than can be read. A smaller page may do."""


class Connection:
    """The API server of a kubeconfig file, or (without one) of the cluster that Portico runs in."""

    def __init__(self, name: str, *, kubeconfig: str = "", context: str = "") -> None:
        self.name = name
        self._kubeconfig = kubeconfig
        self._context = context
        self._http: httpx2.Client | None = None
        self._made_by = 0
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        *,
        kind: Kind,
        name: str = "",
        body: Mapping[str, Any] | None = None,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that the server answers. Raises what it refuses, and TooMuch."""
        verb = "list" if method == "GET" and not name else method.lower()
        what = f"{verb} {kind.resource}"
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        with self.answering(what):
            answer, data = self.exchange(method, path, parameters=parameters, content=content, headers=sent)
            if not answer.is_success:
                raise self.refusal(answer.status_code, data, kind, what, name)
            return decoded(data)

    def lines(
        self, path: str, *, kind: Kind, parameters: Mapping[str, str], seconds: float, accept: str
    ) -> Generator[bytes, None, None]:
        """Yield the lines of a watch until the server ends it, at most `seconds` long. Raises TooMuch."""
        what = f"watch {kind.resource}"
        # The server ends the watch; the read timeout is for a connection whose other end is gone.
        patience = httpx2.Timeout(30, connect=5, read=seconds)
        deadline = time.monotonic() + seconds
        with self.answering(what):
            http = self._client()
            request = http.build_request(
                "GET", path, params=parameters, headers={"Accept": accept}, timeout=patience
            )
            answer = http.send(request, stream=True)
            try:
                if answer.status_code != httpx2.codes.OK:
                    raise self.refusal(answer.status_code, _whole(answer), kind, what)
                for line in _lines(answer):
                    yield line
                    if time.monotonic() > deadline:
                        return
            finally:
                answer.close()

    def exchange(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[httpx2.Response, bytes]:
        """One request and its whole answer, whatever its status. Within `answering`. Raises TooMuch."""
        http = self._client()
        request = http.build_request(method, path, params=parameters, content=content, headers=headers)
        answer = http.send(request, stream=True)
        try:
            return answer, _whole(answer)
        finally:
            answer.close()

    @contextmanager
    def answering(self, what: str) -> Iterator[None]:
        """Turn what the connection can raise into ClusterUnavailable."""
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            if not isinstance(error, httpx2.HTTPError) or isinstance(error, httpx2.ConnectError):
                self.close()  # the configuration may be another by now; a broken answer says nothing about it
            said = f"no usable answer ({type(error).__name__}: {str(error)[:300]})"
            raise self._unavailable(what, said) from error
        except _CONFIG_ERRORS as error:
            self.close()
            raise self._unavailable(what, f"{type(error).__name__}: {str(error)[:300]}") from error

    def _unavailable(self, what: str, said: str) -> ClusterUnavailable:
        return ClusterUnavailable(
            f"Cluster {self.name}, to {what}: {said}",
            remedy="See that its API server runs and the kubeconfig is right.",
        )

    def close(self) -> None:
        """Close idle connections; the next request opens new ones and reads the kubeconfig again."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None and self._made_by == os.getpid():
            http.close()

    def _client(self) -> httpx2.Client:
        """One connection pool per process: a forked worker must not share its parent's sockets."""
        with self._lock:
            if self._http is None or self._made_by != os.getpid():
                config = self._config()
                host = urlsplit(config.cluster.server).hostname or ""
                direct = host in _LOOPBACK
                self._http = Client(config, ConnectionParams(timeout=_TIMEOUT, trust_env=not direct))
                self._made_by = os.getpid()
            return self._http

    def _config(self) -> SingleConfig:
        if not self._kubeconfig:
            found = KubeConfig.from_service_account().get()
        else:
            found = KubeConfig.from_file(self._kubeconfig).get(self._context or None)
        if found is None or found.user is None:
            raise ConfigError("the kubeconfig names no user for this context")
        return found

    def refusal(self, code: int, data: bytes, kind: Kind, what: str, name: str = "") -> PorticoError:
        """Our error for an answer that is no success."""
        try:
            status = decoded(data)
        except (ValueError, TooMuch):
            status = {}
        if code == httpx2.codes.UNAUTHORIZED:
            self.close()  # the kubeconfig may have a newer credential by now
        return self.error(code, status, kind, what, name)

    def error(self, code: int, status: dict[str, Any], kind: Kind, what: str, name: str = "") -> PorticoError:
        """Our error for a Status object of the server."""
        said = str(status.get("message") or f"status {code}")[:1000]
        stated = status.get("details")
        details: dict[str, Any] = stated if isinstance(stated, dict) else {}
        match code:
            case 404 if not details.get("name"):
                message, remedy = (
                    f"does not serve {kind.resource} {kind.version}",
                    "Install its CRD, or leave the kind out.",
                )
                refusal: type[PorticoError] = KindNotInstalled
            case 404:
                refusal, message, remedy = NotFound, said, ""
            case 403:
                refusal, message = AccessDenied, f"does not let Portico {what}: {said}"
                remedy = f"Grant Portico's account that verb on {kind.resource}."
            case 410:
                refusal, message, remedy = VersionExpired, said, "List again."
            case 409 if held := held_in(details.get("causes")):
                told = ", ".join(f"{manager} ({field})" for manager, field in held[:10])
                message = f"Cluster {self.name}: {name} has fields that others manage: {told}."
                return HeldByOthers(message, remedy="Change them there, or take them over.", held=held)
            case 409:
                refusal, message, remedy = Conflict, said, "Read the object again, then decide."
            case 400 | 413 | 415 | 422:
                causes = details.get("causes") or [{}]
                field = str(causes[0].get("field", ""))
                return Invalid(f"The cluster refused {kind.kind} {name}: {said}", field=field)
            case 401:
                refusal, message = ClusterUnavailable, "does not accept Portico's credential"
                remedy = "Renew the kubeconfig or the service account's token."
            case _:
                refusal, message, remedy = (
                    ClusterUnavailable,
                    f"could not {what}: {said}",
                    "Portico tries again.",
                )
        return refusal(f"Cluster {self.name}: {message}", remedy=remedy)


def decoded(data: bytes) -> dict[str, Any]:
    """The JSON object in an answer, {} for other JSON. Raises ValueError, TooMuch if it is nested too deeply."""
    try:
        found = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        found = _decoded_leniently(data)
    except RecursionError:
        raise TooMuch("its answer is nested too deeply") from None
    return found if isinstance(found, dict) else {}


def _decoded_leniently(data: bytes) -> Any:
    """The standard library knows lone surrogates and 1e400, which one object may hold: it is told of by itself."""
    try:
        return json.loads(data)
    except RecursionError:
        raise TooMuch("its answer is nested too deeply") from None


def _whole(answer: httpx2.Response) -> bytes:
    """The body, read to its end. Raises TooMuch."""
    deadline = time.monotonic() + ANSWER_SECONDS
    data = bytearray()
    for part in answer.iter_bytes():
        data += part
        if len(data) > MAX_ANSWER_BYTES:
            raise TooMuch(f"its answer is larger than {MAX_ANSWER_BYTES >> 20} MB")
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout(f"no whole answer in {ANSWER_SECONDS:.0f} s")
    return bytes(data)


def _lines(answer: httpx2.Response) -> Iterator[bytes]:
    """The lines of an answer that may never end. Raises TooMuch at a line that does not."""
    held = bytearray()
    for part in answer.iter_bytes():
        *whole, rest = part.split(b"\n")
        for line in whole:
            held += line
            if held.strip():
                yield bytes(held)
            held.clear()
        held += rest
        if len(held) > MAX_LINE_BYTES:
            raise TooMuch(f"a line of the watch is longer than {MAX_LINE_BYTES >> 20} MB")
