"""Objects for the tests of sources, without a cluster."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from apis.sources import PublishedApi, Reading, Target, attachment_of, kinds, source_of
from apis.sources.source import CONFIG_MAP
from portal import safeyaml
from portal.kube import Kind, KubeObject
from portal.kube.objects import read_object

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "manifests"


def made(kind: Kind, body: Mapping[str, Any], file: str = "", line: int = 0) -> KubeObject:
    """An object out of a manifest."""
    found = read_object(dict(body), cluster="test", kind=kind, file=file, line=line, default_namespace="shop")
    assert isinstance(found, KubeObject), found
    return found


def make(
    kind: Kind, name: str, namespace: str = "shop", annotations: Mapping[str, str] | None = None, **body: Any
) -> KubeObject:
    """An object of the namespace `shop`."""
    meta = {
        "name": name,
        "namespace": namespace,
        "generation": 3,
        "uid": "u-1",
        "annotations": dict(annotations or {}),
    }
    return made(kind, {"metadata": meta, **body}, file="apis.yaml", line=12)


def config_map(name: str, text: str, namespace: str = "shop", key: str = "api.yaml") -> KubeObject:
    return make(CONFIG_MAP, name, namespace, data={key: text})


def from_files(paths: Iterable[Path]) -> list[KubeObject]:
    """Every object of the known kinds in the files."""
    known = {(kind.api_version, kind.kind): kind for kind in kinds()}
    found = []
    for path in sorted(paths):
        for chunk in safeyaml.split(path.read_text()):
            body = safeyaml.load(chunk.text, kubectl=True)
            kind = known.get((body.get("apiVersion"), body.get("kind")))
            if kind:
                found.append(made(kind, body, str(path), chunk.line))
    return found


class Store:
    """A cluster's objects to look up, and what was asked for."""

    def __init__(self, *objects: KubeObject) -> None:
        self.objects = {(obj.kind, obj.namespace, obj.name): obj for obj in objects}
        self.asked: list[tuple[Kind, str, str]] = []

    def __call__(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        self.asked.append((kind, namespace, name))
        return self.objects.get((kind, namespace, name))

    def attached(self, kind: Kind, to: KubeObject) -> tuple[KubeObject, ...]:
        attachment = attachment_of(kind)
        assert attachment, f"{kind} is not in ATTACHMENTS"
        target = Target(to.kind.group, to.kind.kind, to.namespace, to.name)
        of_kind = [
            obj for (held, place, _), obj in self.objects.items() if (held, place) == (kind, to.namespace)
        ]
        found = [obj for obj in of_kind if target in attachment.targets(obj)]
        return tuple(sorted(found, key=lambda obj: obj.name))


def reading(obj: KubeObject, *others: KubeObject) -> Reading:
    """What the object says in the company of others."""
    source = source_of(obj.kind)
    assert source
    return source.read(obj, Store(*others))


def published(obj: KubeObject, *others: KubeObject) -> PublishedApi:
    """The one version that the object says, without any problem."""
    found = reading(obj, *others)
    assert found.problems == ()
    (api,) = found.published
    assert isinstance(api, PublishedApi)
    return api


def fields(found: Reading) -> list[str]:
    """The fields that have problems, each of which says what to do."""
    assert all(problem.message and problem.remedy for problem in found.problems)
    return [problem.field for problem in found.problems]
