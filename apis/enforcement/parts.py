"""The fields of an Api of our own that publishers change in the portal. Pure: wishes in, changes of the object out.

Each change sets one field as a whole. The CRD makes lists and groups of these fields atomic, so that one field manager
holds each of them and removing an entry is a change like any other.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import yaml

from apis.sources import ENVIRONMENTS, Problem
from apis.sources.fields import SLUG, SLUG_HINT, Fields, Report
from apis.sources.mediation import mediation_of
from apis.sources.portico_v1alpha1 import security_of
from portal.kube import FieldPath, KubeObject
from portal.kube.edits import put, value_at

OPEN_TO_ALL = {"oauth2": True, "apiKey": True, "public": False}
DEFAULT_TIMEOUT = 30
HEADERS = {"request_headers": "requestHeaders", "response_headers": "responseHeaders"}


class Wish(TypedDict, total=False):
    """What is to hold from now on; what is left out stays. Words and shapes are those of the object's spec."""

    plans: list[str]
    # Any of oauth2, apiKey, public and scopes, the last a list of {method, path, scopes}.
    security: dict[str, Any]
    # environment -> seconds, of environments that the object serves.
    timeouts: dict[str, int]
    # No origin at all takes CORS away.
    cors_origins: list[str]
    # {"set": {name: value}, "remove": [name]}
    request_headers: dict[str, Any]
    response_headers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the object. `before` is None where it was not stated."""

    path: FieldPath
    before: Any
    after: Any

    @property
    def field(self) -> str:
        return ".".join(self.path)


def stated(obj: KubeObject) -> Wish:
    """What the object says now, its defaults filled in: a wish that changes nothing."""
    spec = _mapping(obj.body.get("spec"))
    mediation = _mapping(spec.get("mediation"))
    upstreams = _mapping(spec.get("upstreams"))
    return Wish(
        plans=list(spec.get("plans") or []),
        security=OPEN_TO_ALL | {"scopes": []} | _mapping(spec.get("security")),
        timeouts={
            name: _mapping(upstreams[name]).get("timeoutSeconds") or DEFAULT_TIMEOUT
            for name in ENVIRONMENTS
            if name in upstreams
        },
        cors_origins=list(_mapping(mediation.get("cors")).get("allowOrigins") or []),
        request_headers=_rules(mediation.get("requestHeaders")),
        response_headers=_rules(mediation.get("responseHeaders")),
    )


def changes(obj: KubeObject, wish: Wish) -> tuple[Change, ...]:
    """The fields that have to be different for the wish to hold."""
    now = stated(obj)
    return tuple(
        Change(path, copy.deepcopy(value_at(obj.body, path)), after)
        for path, before, after in _compared(obj, now, wish)
        if before != after
    )


def _compared(obj: KubeObject, now: Wish, wish: Wish) -> Iterator[tuple[FieldPath, Any, Any]]:
    """Path, what holds and what is wished, each in the words of the object."""
    if "plans" in wish:
        yield ("spec", "plans"), now["plans"], wish["plans"]
    if "security" in wish:
        wished = now["security"] | wish["security"]
        yield ("spec", "security"), _without_empty(now["security"]), _without_empty(wished)
    for name, seconds in wish.get("timeouts", {}).items():
        if name in now["timeouts"]:
            yield ("spec", "upstreams", name, "timeoutSeconds"), now["timeouts"][name], seconds
    if "cors_origins" in wish:
        cors: FieldPath = ("spec", "mediation", "cors")
        held = _mapping(value_at(obj.body, cors))
        before = {**held, "allowOrigins": now["cors_origins"]}
        yield cors, before, {**held, "allowOrigins": wish["cors_origins"]}
    for part, name in HEADERS.items():
        if part in wish:
            yield ("spec", "mediation", name), now[part], _rules(wish[part])  # type: ignore[literal-required]


def problems(obj: KubeObject, changed: tuple[Change, ...]) -> tuple[Problem, ...]:
    """What breaks a rule of the kind once the changes are made, by the rules that read the object afterwards."""
    body: dict[str, Any] = {"spec": copy.deepcopy(dict(_mapping(obj.body.get("spec"))))}
    for change in changed:
        put(body, change.path, change.after)
    report = Report(obj)
    spec = Fields(body["spec"], "spec", report)
    security_of(spec.section("security"))
    mediation_of(spec.section("mediation"))
    spec.texts("plans", most=20, like=SLUG, hint=SLUG_HINT)
    for name in ENVIRONMENTS:
        spec.section("upstreams").section(name).number("timeoutSeconds", DEFAULT_TIMEOUT, most=600)
    return report.problems


def patch_of(obj: KubeObject, changed: tuple[Change, ...]) -> str:
    """The change as a manifest, as `kubectl apply --server-side -f -` would take it."""
    metadata = {"name": obj.name, "namespace": obj.namespace}
    manifest: dict[str, Any] = {
        "apiVersion": obj.kind.api_version,
        "kind": obj.kind.kind,
        "metadata": metadata,
    }
    for change in changed:
        put(manifest, change.path, change.after)
    return text_of(manifest)


def text_of(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)


def _rules(rules: Any) -> dict[str, Any]:
    """Header rules with nothing empty in them."""
    return {name: rule for name, rule in _mapping(rules).items() if name in ("set", "remove") and rule}


def _without_empty(security: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in security.items() if name != "scopes" or value}


def _mapping(value: Any) -> dict[str, Any]:
    """A mapping without what is null, which is as good as absent."""
    return (
        {name: entry for name, entry in value.items() if entry is not None} if isinstance(value, dict) else {}
    )
