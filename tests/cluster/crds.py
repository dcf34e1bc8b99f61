"""CRDs of other publishers on the real kube-apiserver: their own where the samples have them, else ones that take anything."""

import copy
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from apis.sources import kinds
from portal import safeyaml
from portal.kube import Kind
from tests.cluster.controlplane import ControlPlane
from tests.sources.crds import SAMPLES

ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
WAIT = 60
# Kubernetes of today refuses these CRDs whole: their rules in CEL may cost too much.
TOO_COSTLY = ("apipolicies.dp.wso2.com", "gqlroutes.dp.wso2.com")


def as_v1(crd: dict[str, Any]) -> dict[str, Any]:
    """A CRD as apiextensions.k8s.io/v1 has it. v1beta1 said once for all versions what v1 says for each of them."""
    spec = copy.deepcopy(crd["spec"])
    shared = {
        "schema": spec.pop("validation", None),
        "subresources": spec.pop("subresources", None),
        "additionalPrinterColumns": [
            {"jsonPath" if name == "JSONPath" else name: value for name, value in column.items()}
            for column in spec.pop("additionalPrinterColumns", [])
        ],
    }
    spec.pop("version", None)
    spec.pop("preserveUnknownFields", None)
    spec.pop("conversion", None)
    for version in spec["versions"]:
        for name, value in shared.items():
            if value and name not in version:
                version[name] = copy.deepcopy(value)
        schema = version.setdefault("schema", {"openAPIV3Schema": dict(ANYTHING)})["openAPIV3Schema"]
        schema["type"] = "object"
        schema.get("properties", {}).pop("metadata", None)
    name = crd["metadata"]["name"]
    return definition(name, without_rules(spec) if name in TOO_COSTLY else spec)


def without_rules(schema: Any) -> Any:
    """The schema without its rules in CEL."""
    if isinstance(schema, list):
        return [without_rules(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: without_rules(value) for name, value in schema.items() if name != "x-kubernetes-validations"
    }


def definition(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The manifest; projects of the Gateway API may only be installed by those who say that they mean to."""
    notes = {"api-approved.kubernetes.io": "unapproved, for tests"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": notes},
        "spec": spec,
    }


def from_samples() -> dict[str, dict[str, Any]]:
    """The real ones by name. Generations in several files become the versions of one."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(SAMPLES.rglob("crds/*.yaml")):
        crd = as_v1(safeyaml.load(file.read_text()))
        name = crd["metadata"]["name"]
        if name in found:
            found[name]["spec"]["versions"] += crd["spec"]["versions"]
        else:
            found[name] = crd
    return found


def permissive(kind: Kind) -> dict[str, Any]:
    """A CRD without versions yet."""
    names = {
        "kind": kind.kind,
        "plural": kind.plural,
        "singular": kind.kind.lower(),
        "listKind": f"{kind.kind}List",
    }
    scope = "Namespaced" if kind.namespaced else "Cluster"
    return definition(kind.resource, {"group": kind.group, "names": names, "scope": scope, "versions": []})


def all_crds() -> dict[str, dict[str, Any]]:
    """A CRD for every kind that sources read or look up, but for ours and Kubernetes' own."""
    found = from_samples()
    for kind in kinds():
        if kind.group in ("", "portico.dev"):
            continue
        crd = found.setdefault(kind.resource, permissive(kind))
        versions = crd["spec"]["versions"]
        if kind.version not in {version["name"] for version in versions}:
            versions.append({"name": kind.version, "schema": {"openAPIV3Schema": dict(ANYTHING)}})
    wanted = {kind.resource for kind in kinds()}
    return {name: crd for name, crd in found.items() if name in wanted}


def serving(crd: dict[str, Any], versions: Iterable[str]) -> dict[str, Any]:
    """The CRD with these versions served, the first of them stored."""
    first, *_ = served = list(versions)
    changed = copy.deepcopy(crd)
    for version in changed["spec"]["versions"]:
        version["served"] = version["name"] in served
        version["storage"] = version["name"] == first
    return changed


class Installed:
    """The CRDs in a control plane, each serving what the test wants."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.crds = all_crds()
        self.served = {name: self.versions(name) for name in self.crds}
        plane.apply(*(serving(crd, self.served[name]) for name, crd in self.crds.items()))
        self.wait(self.crds)

    def versions(self, name: str) -> list[str]:
        """The versions that sources know of, newest first as `kinds` has them; all others stay unserved."""
        known = [kind.version for kind in kinds() if kind.resource == name]
        return sorted(set(known), key=known.index)

    def serve(self, kind: Kind, versions: Iterable[str]) -> None:
        """Serves only these versions of a kind."""
        wanted = list(versions)
        if kind.resource in self.crds and self.served[kind.resource] != wanted:
            self.served[kind.resource] = wanted
            self.plane.apply(serving(self.crds[kind.resource], wanted))
            self.wait([kind.resource])
            # Nothing tells when requests are held against the changed schema, too, and not the former one.
            time.sleep(1)

    def wait(self, names: Iterable[str]) -> None:
        """Until discovery says what the CRDs say."""
        waiting = set(names)
        until = time.monotonic() + WAIT
        while waiting:
            waiting = {name for name in waiting if set(self.discovered(name)) != set(self.served[name])}
            if waiting and time.monotonic() > until:
                raise RuntimeError(f"not served as wanted: {sorted(waiting)}: {self.complaints(waiting)}")
            time.sleep(0.1 if waiting else 0)

    def discovered(self, name: str) -> Iterator[str]:
        plural, _, group = name.partition(".")
        for version in [entry["name"] for entry in self.crds[name]["spec"]["versions"]]:
            try:
                status, answer = self.plane.request("GET", f"/apis/{group}/{version}")
            except json.JSONDecodeError:
                continue  # what is nowhere served is answered in plain text
            if status == 200 and plural in {entry["name"] for entry in answer["resources"]}:
                yield version

    def complaints(self, names: Iterable[str]) -> list[str]:
        """What the API server has against CRDs."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
        return [str(self.plane.request("GET", path + name)[1].get("status"))[:500] for name in names]

    def remove(self) -> None:
        self.plane.kubectl("delete", "crd", "--wait=false", *self.crds)
