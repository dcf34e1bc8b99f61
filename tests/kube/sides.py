"""The two clusters of the contract suite, each with what a person does to it from outside of Portico."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import yaml

from portal.kube import Cluster, Kind, KubernetesCluster, ManifestDirectory
from tests.cluster.controlplane import ControlPlane

API = Kind(group="portico.dev", version="v1alpha1", kind="Api", plural="apis")
PLAN = Kind(group="portico.dev", version="v1alpha1", kind="Plan", plural="plans", namespaced=False)
CONFIG_MAP = Kind(group="", version="v1", kind="ConfigMap", plural="configmaps")
NOBODY = 65534


class Side(Protocol):
    """A cluster and the world around it."""

    cluster: Cluster
    namespace: str

    def write(self, *documents: Mapping[str, Any]) -> None:
        """Create or change objects without Portico."""

    def remove(self, kind: Kind, name: str) -> None:
        """Delete an object of `namespace` without Portico."""

    def write_unreadable(self, name: str) -> None:
        """Create an Api that is there and that Portico cannot store."""

    def expired_version(self) -> str:
        """A resource version from which nobody can watch any more."""

    def without_permission(self) -> Any:
        """A context with the cluster as one sees it who may not list Apis."""


class KubernetesSide:
    def __init__(self, plane: ControlPlane, cluster: KubernetesCluster, namespace: str) -> None:
        self.plane = plane
        self.cluster = cluster
        self.namespace = namespace

    def write(self, *documents: Mapping[str, Any]) -> None:
        self.plane.apply(*documents)

    def remove(self, kind: Kind, name: str) -> None:
        self.plane.kubectl("delete", kind.resource, name, f"--namespace={self.namespace}")

    def write_unreadable(self, name: str) -> None:
        self.write(api(self.namespace, name, description="a NUL\x00 that JSON allows"))

    def expired_version(self) -> str:
        return "1"

    @contextmanager
    def without_permission(self) -> Iterator[Cluster]:
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
        cluster = KubernetesCluster("limited", kubeconfig=str(self.plane.account(self.namespace, rules)))
        try:
            yield cluster
        finally:
            cluster.close()


class DirectorySide:
    namespace = "shop"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "manifests"
        self.folder.mkdir()
        self.cluster = ManifestDirectory("directory", path=self.folder, state=folder / "state")

    def write(self, *documents: Mapping[str, Any]) -> None:
        for document in documents:
            file = self.folder / f"{document['kind']}-{document['metadata']['name']}.yaml".lower()
            file.write_text(yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False))

    def remove(self, kind: Kind, name: str) -> None:
        (self.folder / f"{kind.kind}-{name}.yaml".lower()).unlink()

    def write_unreadable(self, name: str) -> None:
        self.write(api(self.namespace, name, description="a NUL\x00 that YAML can escape"))

    def expired_version(self) -> str:
        return "of another life"

    @contextmanager
    def without_permission(self) -> Iterator[Cluster]:
        self.folder.chmod(0o000)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        try:
            yield self.cluster
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            self.folder.chmod(0o755)


def api(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    """An Api manifest that the CRD accepts."""
    return {
        "apiVersion": "portico.dev/v1alpha1",
        "kind": "Api",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"version": "v1", "upstreams": {"production": {"url": "http://backend.example"}}, **spec},
    }


def refusal(plane: ControlPlane, document: Mapping[str, Any]) -> str:
    """What the API server says against a manifest, "" if it accepts it. Nothing is kept."""
    kind = API if document["kind"] == "Api" else PLAN
    where = f"/namespaces/{document['metadata']['namespace']}" if kind.namespaced else ""
    path = f"/apis/{kind.api_version}{where}/{kind.plural}?dryRun=All&fieldValidation=Strict"
    status, answer = plane.request("POST", path, document)
    return "" if status == 201 else str(answer["message"])
