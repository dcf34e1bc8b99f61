"""What the sync group puts into a cluster: an Api of 3 KB and a ConfigMap with a definition of 10 KB each, and changes of them."""

import hashlib
import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import yaml

NAMESPACES = 40
OBJECT_BYTES = 3_000
DEFINITION_BYTES = 10_000
THREADS = 8
MARK = "@@name@@"
APIS = "/apis/portico.dev/v1alpha1/namespaces/{}/apis"
CONFIG_MAPS = "/api/v1/namespaces/{}/configmaps"
PLAN = {
    "apiVersion": "portico.dev/v1alpha1",
    "kind": "Plan",
    "metadata": {"name": "standard"},
    "spec": {"displayName": "Standard", "rate": {"requests": 600, "per": "Minute"}, "approval": "Automatic"},
}


class Server:
    """The API server of a control plane's kubeconfig, with connections that are kept; may be used by many threads."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._http = httpx2.Client(
            base_url=cluster["server"],
            verify=ssl.create_default_context(cafile=cluster["certificate-authority"]),
            headers={"Authorization": f"Bearer {user['token']}"},
            trust_env=False,
            timeout=30,
        )

    def post(self, path: str, body: Mapping[str, Any]) -> None:
        self._http.post(path, json=body).raise_for_status()

    def merge(self, path: str, body: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        self._http.patch(path, content=json.dumps(body), headers=headers).raise_for_status()

    def delete(self, path: str) -> None:
        self._http.delete(path).raise_for_status()

    def fill(self, count: int) -> None:
        """Namespaces, a plan, and `count` definitions with the APIs that name them."""
        for number in range(NAMESPACES):
            self.post("/api/v1/namespaces", {"metadata": {"name": namespace(number)}})
        self.post("/apis/portico.dev/v1alpha1/plans", PLAN)
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(self._create, range(count)):
                pass

    def _create(self, number: int) -> None:
        self.create_definition(number)
        self.create_api(number)

    def create_definition(self, number: int, note: str = "") -> None:
        body = {"metadata": {"name": name(number)}, "data": {"openapi": definition(number, note)}}
        self.post(CONFIG_MAPS.format(namespace(number)), body)

    def create_api(self, number: int) -> None:
        self.post(APIS.format(namespace(number)), api(number))


def namespace(number: int) -> str:
    return f"bench-{number % NAMESPACES}"


def name(number: int) -> str:
    return f"service-{number}"


def api(number: int) -> dict[str, Any]:
    """An Api of 3 KB that offers one plan and is published by itself."""
    spec = {
        "displayName": f"Service {number}",
        "version": "v1",
        "summary": f"Reads and writes what service {number} keeps.",
        "description": "",
        "tags": ["bench", f"group-{number % 7}"],
        "definition": {"configMapRef": {"name": name(number)}},
        "upstreams": {"production": {"url": f"http://service-{number}.example:8080"}},
        "plans": ["standard"],
        "visibility": "Public",
        "publication": {"approval": "Automatic"},
    }
    body = {
        "apiVersion": "portico.dev/v1alpha1",
        "kind": "Api",
        "metadata": {"name": name(number), "namespace": namespace(number)},
        "spec": spec,
    }
    spec["description"] = _prose(OBJECT_BYTES - len(json.dumps(body)))
    return body


def definition(number: int, note: str = "") -> str:
    """An OpenAPI document of 10 KB, JSON for even numbers and YAML for odd ones, as both are written."""
    return _text(number % 2 == 1).replace(MARK, f"Service {number}{note}")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _text(as_yaml: bool) -> str:
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": MARK, "version": "1.0.0", "description": ""},
        "paths": {f"/{noun}": _path(noun) for noun in ("orders", "parcels", "refunds", "invoices", "stores")},
        "components": {
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {f"field{n}": {"type": "string", "maxLength": 40} for n in range(12)}
                    | {"id": {"type": "integer"}},
                }
            }
        },
    }
    missing = DEFINITION_BYTES - len(_written(document, as_yaml))
    document["info"]["description"] = _prose(missing)
    return _written(document, as_yaml)


def _written(document: Mapping[str, Any], as_yaml: bool) -> str:
    return yaml.safe_dump(document, width=10_000) if as_yaml else json.dumps(document, indent=1)


def _path(noun: str) -> dict[str, Any]:
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    return {
        verb: {
            "operationId": f"{verb}-{noun}",
            "summary": f"To {verb} {noun}",
            "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}],
            "responses": {"200": {"description": f"The {noun}.", **answer}},
        }
        for verb in ("get", "post", "delete")
    }


def _prose(length: int) -> str:
    sentence = "What it does, for whom, and what it costs to call. "
    return (sentence * (length // len(sentence) + 1))[: max(0, length)]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. `what` is spec, new, definition or delete; `text` is what the database has to say afterwards."""

    what: str
    number: int
    text: str = ""

    def apply(self, server: Server) -> None:
        number, place = self.number, namespace(self.number)
        if self.what == "spec":
            server.merge(f"{APIS.format(place)}/{name(number)}", {"spec": {"summary": self.text}})
        elif self.what == "definition":
            text = {"data": {"openapi": definition(number, " changed")}}
            server.merge(f"{CONFIG_MAPS.format(place)}/{name(number)}", text)
        elif self.what == "new":
            server.create_api(number)
        else:
            server.delete(f"{APIS.format(place)}/{name(number)}")


def edits(apis: int, count: int) -> Iterator[Edit]:
    """Of twenty changes eight of a spec, six of a definition, three new objects and three deletions; none of an object twice."""
    spec, text, gone, new = (
        iter(range(apis)),
        iter(range(apis // 3, apis)),
        iter(range(apis - 1, 0, -1)),
        apis,
    )
    for what in _mixed(count):
        if what == "spec":
            number = next(spec)
            yield Edit(what, number, f"Says {number} anew.")
        elif what == "definition":
            number = next(text)
            yield Edit(what, number, digest(definition(number, " changed")))
        elif what == "new":
            yield Edit(what, new)
            new += 1
        else:
            yield Edit(what, next(gone))


def new_objects(apis: int, count: int) -> Iterable[int]:
    """Numbers of the objects that `edits` creates: their definitions are there before."""
    return [edit.number for edit in edits(apis, count) if edit.what == "new"]


def _mixed(count: int) -> list[str]:
    of_twenty = [
        "spec",
        "definition",
        "spec",
        "new",
        "definition",
        "spec",
        "delete",
        "spec",
        "definition",
        "spec",
    ]
    of_twenty += [
        "new",
        "spec",
        "definition",
        "delete",
        "spec",
        "definition",
        "spec",
        "new",
        "definition",
        "delete",
    ]
    return [of_twenty[n % len(of_twenty)] for n in range(count)]
