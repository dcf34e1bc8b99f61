"""A Kubernetes API server. lightkube gives kubeconfig, credentials and TLS; the requests are our own.

They are few, and lightkube's would not do: its watch reconnects for ever, offers no bookmarks and hides an expired
version, each of which loses deletions.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import yaml
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from portal.errors import ClusterUnavailable, Conflict, Invalid, NotFound, PorticoError
from portal.kube.cluster import FIELD_MANAGER
from portal.kube.errors import AccessDenied, KindNotInstalled, VersionExpired
from portal.kube.objects import (
    NAME,
    EventType,
    Kind,
    KubeObject,
    Listing,
    Unreadable,
    WatchEvent,
    read_object,
)

_TIMEOUT = httpx2.Timeout(30, connect=5)
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_LIST_ATTEMPTS = 3
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Everything that a kubeconfig, a token file or an exec plug-in can do wrong.
_CONFIG_ERRORS = (
    ConfigError,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    yaml.YAMLError,
    subprocess.SubprocessError,
)


class KubernetesCluster:
    """The cluster of a kubeconfig file, or (without one) the cluster that Portico runs in."""

    def __init__(self, name: str, *, kubeconfig: str = "", context: str = "") -> None:
        self._name = name
        self._kubeconfig = kubeconfig
        self._context = context
        self._http: httpx2.Client | None = None
        self._made_by = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    def list(self, kind: Kind, *, namespace: str | None = None, page_size: int = 500) -> Listing:
        path = _path(kind, namespace)
        for _ in range(_LIST_ATTEMPTS - 1):
            try:
                return self._list_once(kind, path, page_size)
            except VersionExpired:
                continue  # a continue token lives five minutes; start again rather than join two moments
        return self._list_once(kind, path, page_size)

    def _list_once(self, kind: Kind, path: str, page_size: int) -> Listing:
        objects: list[KubeObject] = []
        unreadable: list[Unreadable] = []
        parameters = {"limit": str(page_size)}
        while True:
            page = self._request("GET", path, kind=kind, parameters=parameters)
            meta = page.get("metadata") or {}
            for item in page.get("items") or []:
                read = self._read(kind, item)
                objects.append(read) if isinstance(read, KubeObject) else unreadable.append(read)
            if not meta.get("continue"):
                return Listing(kind, str(meta.get("resourceVersion", "")), tuple(objects), tuple(unreadable))
            parameters["continue"] = meta["continue"]

    def watch(
        self, kind: Kind, *, since: str, timeout: float, namespace: str | None = None
    ) -> Iterator[WatchEvent]:
        seconds = max(1, round(timeout))
        parameters = {
            "watch": "1",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        # The server ends the watch; the read timeout is for a connection whose other end is gone.
        patience = httpx2.Timeout(30, connect=5, read=seconds + 10)
        deadline = time.monotonic() + seconds + 10
        what = f"watch {kind.resource}"
        with self._speaking(what):
            http = self._client()
            request = http.build_request("GET", _path(kind, namespace), params=parameters, timeout=patience)
            answer = http.send(request, stream=True)
            try:
                if answer.status_code != httpx2.codes.OK:
                    answer.read()
                    raise self._refusal(answer, kind, what)
                for line in answer.iter_lines():
                    if line.strip():
                        yield self._event(kind, line)
                    if time.monotonic() > deadline:
                        return
            finally:
                answer.close()

    def _event(self, kind: Kind, line: str) -> WatchEvent:
        event = json.loads(line)
        body = event.get("object") or {}
        if event.get("type") == "ERROR":
            raise self._error(body.get("code", 0), body, kind, f"watch {kind.resource}")
        version = str((body.get("metadata") or {}).get("resourceVersion", ""))
        kind_of_event = EventType(event["type"])
        if kind_of_event is EventType.BOOKMARK:
            return WatchEvent(kind_of_event, kind, version)
        read = self._read(kind, body)
        found = {"object": read} if isinstance(read, KubeObject) else {"problem": read}
        return WatchEvent(kind_of_event, kind, version, read.namespace, read.name, **found)

    def get(self, kind: Kind, *, namespace: str, name: str) -> KubeObject:
        return self._readable(kind, self._request("GET", _path(kind, namespace, name), kind=kind, name=name))

    def apply(self, kind: Kind, manifest: Mapping[str, Any], *, force: bool = False) -> KubeObject:
        meta = manifest.get("metadata") or {}
        name, namespace = meta.get("name", ""), meta.get("namespace") or "default"
        body = {**manifest, "apiVersion": kind.api_version, "kind": kind.kind}
        return self._patch(kind, _path(kind, namespace, name), name, body, force=force)

    def patch_status(self, kind: Kind, *, namespace: str, name: str, status: Mapping[str, Any]) -> KubeObject:
        meta = {"name": name, "namespace": namespace} if kind.namespaced else {"name": name}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "status": status}
        return self._patch(kind, f"{_path(kind, namespace, name)}/status", name, body, force=True)

    def delete(self, kind: Kind, *, namespace: str, name: str, uid: str = "") -> None:
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid:
            options["preconditions"] = {"uid": uid}
        self._request("DELETE", _path(kind, namespace, name), kind=kind, name=name, body=options)

    def close(self) -> None:
        """Close idle connections; the next call opens new ones and reads the kubeconfig again."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None and self._made_by == os.getpid():
            http.close()

    def _patch(self, kind: Kind, path: str, name: str, body: Mapping[str, Any], *, force: bool) -> KubeObject:
        parameters = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        answer = self._request(
            "PATCH", path, kind=kind, name=name, body=body, parameters=parameters, headers=_APPLY
        )
        return self._readable(kind, answer)

    def _request(
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
        verb = "list" if method == "GET" and not name else method.lower()
        what = f"{verb} {kind.resource}"
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        with self._speaking(what):
            answer = self._client().request(
                method,
                path,
                params=parameters,
                content=content,
                headers={"Content-Type": "application/json", **(headers or {})},
            )
            if not answer.is_success:
                raise self._refusal(answer, kind, what, name)
            found = answer.json()
        return found if isinstance(found, dict) else {}

    def _speaking(self, what: str) -> "_Speaking":
        return _Speaking(self, what)

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

    def _read(self, kind: Kind, item: Any) -> KubeObject | Unreadable:
        if isinstance(item, dict):
            item = {
                **item,
                "apiVersion": kind.api_version,
                "kind": kind.kind,
            }  # lists of built-in kinds lack both
        return read_object(item, cluster=self._name, kind=kind)

    def _readable(self, kind: Kind, body: dict[str, Any]) -> KubeObject:
        read = self._read(kind, body)
        if isinstance(read, Unreadable):
            raise Invalid(f"{kind.kind} {read.name}: {read.message}", remedy=read.remedy, field=read.field)
        return read

    def _refusal(self, answer: httpx2.Response, kind: Kind, what: str, name: str = "") -> PorticoError:
        try:
            status = answer.json()
        except ValueError:
            status = {}
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            self.close()  # the kubeconfig may have a newer credential by now
        return self._error(answer.status_code, status if isinstance(status, dict) else {}, kind, what, name)

    def _error(
        self, code: int, status: dict[str, Any], kind: Kind, what: str, name: str = ""
    ) -> PorticoError:
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
        return refusal(f"Cluster {self._name}: {message}", remedy=remedy)


class _Speaking:
    """Turn what the connection can raise into ClusterUnavailable."""

    def __init__(self, cluster: KubernetesCluster, what: str) -> None:
        self.cluster = cluster
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL | httpx2.StreamError):
            said = f"no usable answer ({type(error).__name__}: {str(error)[:300]})"
        elif isinstance(error, _CONFIG_ERRORS):
            said = f"{type(error).__name__}: {str(error)[:300]}"
        else:
            return
        if not isinstance(error, httpx2.HTTPError) or isinstance(error, httpx2.ConnectError):
            self.cluster.close()  # the configuration may be another by now; a broken answer says nothing about it
        message = f"Cluster {self.cluster.name}, to {self.what}: {said}"
        raise ClusterUnavailable(
            message, remedy="See that its API server runs and the kubeconfig is right."
        ) from error


def _path(kind: Kind, namespace: str | None, name: str | None = None) -> str:
    """The resource's address. Names come from strangers, so that nothing but a name may become part of it."""
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [base]
    if kind.namespaced and (namespace is not None or name is not None):
        parts += ["namespaces", _segment(namespace or "", "namespace")]
    parts.append(kind.plural)
    if name is not None:
        parts.append(_segment(name, "name"))
    return "/".join(parts)


def _segment(text: str, field: str) -> str:
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise Invalid(f"{text!r:.80} is not a {field} in a cluster.", field=f"metadata.{field}")
    return quote(text, safe="")
