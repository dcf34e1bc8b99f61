"""Which kinds an API server serves: aggregated discovery, or, on servers before 1.27, one answer per group."""

from collections.abc import Iterable
from typing import Any

import httpx2

from portal.kube.connection import Connection, decoded
from portal.kube.errors import KindNotInstalled
from portal.kube.objects import Kind

_KIND = Kind(group="", version="v1", kind="APIGroup", plural="apigroups", namespaced=False)
_LIST = "as=APIGroupDiscoveryList"
_ACCEPT = (
    f"application/json;g=apidiscovery.k8s.io;v=v2;{_LIST},"
    f"application/json;g=apidiscovery.k8s.io;v=v2beta1;{_LIST},"
    "application/json"
)
# Group, version, plural and kind; with plural and kind "" for a generation whose own server does not answer now.
Served = frozenset[tuple[str, str, str, str]]


class Discovery:
    """What is served, kept with the server's tag so that an unchanged answer costs neither side anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, tuple[str, Served]] = {}

    def installed(self, kinds: Iterable[Kind]) -> frozenset[Kind]:
        """Those of the kinds that are served. One whose own server is down counts: it is there, and does not answer."""
        asked = frozenset(kinds)
        served: dict[str, Served | None] = {
            path: self._served(path) for path in {_path(kind) for kind in asked}
        }
        return frozenset(kind for kind in asked if self._has(served[_path(kind)], kind))

    def _has(self, served: Served | None, kind: Kind) -> bool:
        if served is None:
            return self._has_by_itself(kind)
        whole = (kind.group, kind.version, "", "")
        return (kind.group, kind.version, kind.plural, kind.kind) in served or whole in served

    def _served(self, path: str) -> Served | None:
        """What is served below a path, None where the server does not know aggregated discovery."""
        tag, known = self._known.get(path, ("", frozenset()))
        headers = {"Accept": _ACCEPT, **({"If-None-Match": tag} if tag else {})}
        answer, data = self._answer(path, headers)
        if answer.status_code == httpx2.codes.NOT_MODIFIED:
            return known
        body = decoded(data)
        if body.get("kind") != "APIGroupDiscoveryList":
            return None
        found = frozenset(_resources(body))
        self._known[path] = (answer.headers.get("ETag", ""), found)
        return found

    def _has_by_itself(self, kind: Kind) -> bool:
        path = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
        try:
            body = self._connection.request("GET", path, kind=kind)
        except KindNotInstalled:
            return False
        return any(
            isinstance(each, dict) and (each.get("name"), each.get("kind")) == (kind.plural, kind.kind)
            for each in body.get("resources") or []
        )

    def _answer(self, path: str, headers: dict[str, str]) -> tuple[httpx2.Response, bytes]:
        with self._connection.answering("discover kinds"):
            answer, data = self._connection.exchange("GET", path, headers=headers)
            if answer.is_success or answer.status_code == httpx2.codes.NOT_MODIFIED:
                return answer, data
        raise self._connection.refusal(answer.status_code, data, _KIND, "discover kinds")


def _path(kind: Kind) -> str:
    return "/apis" if kind.group else "/api"


def _resources(body: dict[str, Any]) -> Iterable[tuple[str, str, str, str]]:
    for group in body.get("items") or []:
        name = (group.get("metadata") or {}).get("name") or ""
        for version in group.get("versions") or []:
            if version.get("freshness") == "Stale":
                yield name, version["version"], "", ""
            for resource in version.get("resources") or []:
                kind = (resource.get("responseKind") or {}).get("kind", "")
                yield name, version["version"], resource["resource"], kind
