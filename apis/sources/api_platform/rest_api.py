"""RestApi: one version of one API."""

import re
from collections.abc import Iterator
from dataclasses import replace

from apis.sources.addresses import checked_url
from apis.sources.annotations import annotations_of
from apis.sources.api_platform.operations import PlatformOperation, definition_of, operations_of
from apis.sources.api_platform.policies import Policies, policies_in
from apis.sources.fields import SLUG, SLUG_HINT, VERSION, Fields, Report, conditions_of, plain_text, ref_of
from apis.sources.portico_v1alpha1 import BASE_PATH, BASE_PATH_HINT
from apis.sources.published import PRODUCTION, SANDBOX, PublishedApi, Reading, Upstream
from apis.sources.routing import seconds_of, unique
from apis.sources.source import LookUp
from portal.errors import Invalid
from portal.kube import KubeObject

ENVIRONMENTS = {PRODUCTION: "main", SANDBOX: "sandbox"}


def read_rest_api(obj: KubeObject, look_up: LookUp) -> Reading:
    """One RestApi object. The definition is made of its operations."""
    report = Report(obj)
    annotations = annotations_of(obj, report)
    spec = Fields(obj.body.get("spec"), "spec", report)
    operations, policies = operations_of(spec), Policies()
    for policy in policies_in(spec.values.get("policies")):
        policies.take(policy)
    key, version = annotations.api or key_of(obj, report), version_of(spec)
    name = plain_text(spec.values.get("displayName"), 100).strip() or key
    definition = definition_of(operations, name, version)
    upstreams = upstreams_of(spec, obj.namespace)
    mediation, security = policies.mediation(), policies.security(operations)
    left = list(policies.sentences)
    if security.scopes and not (definition and security.oauth2):
        # Scopes belong to tokens, and to operations that the gateway can tell apart.
        security = replace(security, scopes=())
        left.append("Scopes are stated, which Portico's gateway cannot ask for here.")
    published = PublishedApi(
        ref=ref_of(obj),
        key=key,
        version=version,
        display_name=name,
        base_path=base_path_of(spec, version) or f"/{key}/{version}",
        owner_team=annotations.owner_team,
        tags=annotations.tags,
        visibility=annotations.visibility,
        approval=annotations.approval,
        plans=annotations.plans,
        definition=definition,
        upstreams=upstreams,
        security=security,
        mediation=mediation,
        conditions=conditions_of(obj),
        stated_only=unique((*left, *sentences_of(spec, operations), *upstream_sentences(spec))),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def key_of(obj: KubeObject, report: Report) -> str:
    """What the versions of one API share. The platform's names often end in the version: the annotation joins them."""
    name = obj.name.replace(".", "-").lower()
    if not SLUG.fullmatch(name):
        message = f"The name {name[:100]} cannot be an API's name"
        report.add("metadata.name", message, f"Set the annotation portico.dev/api. {SLUG_HINT}")
    return name


def version_of(spec: Fields) -> str:
    """The version, with what cannot stand in a path made hyphens (v1.0+build)."""
    if not spec.values.get("version"):
        spec.missing("version", "Give the API's version, such as v1.0.")
    version = re.sub(r"[^A-Za-z0-9._-]+", "-", spec.text("version", most=64)).strip("._-")
    if spec.values.get("version") and not VERSION.fullmatch(version):
        spec.wrong("version", spec.values.get("version"), "a version", "Write it like v1.0.")
    return version


def base_path_of(spec: Fields, version: str) -> str:
    """The context with $version filled in, "" for the root."""
    context = spec.text("context", most=200).replace("$version", version).rstrip("/")
    if context and not BASE_PATH.fullmatch(context):
        spec.wrong("context", context, "a path that Portico can serve", BASE_PATH_HINT)
    return context


def upstreams_of(spec: Fields, namespace: str) -> dict[str, Upstream]:
    """The backend of each environment: main is production."""
    stated, found = spec.section("upstream"), {}
    seconds = seconds_of(plain_text(spec.section("resilience").values.get("timeout"), 50)) or 30
    for environment, name in ENVIRONMENTS.items():
        if stated.has(name) and (url := url_of(stated.section(name), spec, namespace)):
            found[environment] = Upstream(url, seconds)
    if not stated.has("main"):
        stated.missing("main", "Give the backend a url, or the name of one of spec.upstreamDefinitions.")
    return found


def url_of(upstream: Fields, spec: Fields, namespace: str) -> str:
    """The address of one backend, "" with a problem where it is wrong."""
    if upstream.has("url") == upstream.has("ref"):
        message = f"{upstream.path} needs either a url or a ref"
        upstream.report.add(upstream.path, message, "Give one of the two.")
        return ""
    field = "url" if upstream.has("url") else "ref"
    url = upstream.text("url", most=500) if field == "url" else referred(upstream, spec)
    try:
        return checked_url(url, namespace) if url else ""
    except Invalid as error:
        upstream.report.add(upstream.at(field), error.message, error.remedy)
        return ""


def referred(upstream: Fields, spec: Fields) -> str:
    """The address of an upstream definition: its first target, as in the platform's own gateway, and its base path."""
    name = upstream.text("ref")
    for definition in spec.sections("upstreamDefinitions", 100):
        if name and definition.values.get("name") == name:
            targets = list(definition.sections("upstreams", 100))
            url = targets[0].text("url", most=500) if targets else ""
            if not url:
                definition.missing("upstreams", "Give the definition a target with a url.")
            return url.rstrip("/") + definition.text("basePath", most=200) if url else ""
    if name:
        upstream.wrong(
            "ref", name, "the name of an upstream definition", "Add it to spec.upstreamDefinitions."
        )
    return ""


def sentences_of(spec: Fields, operations: tuple[PlatformOperation, ...]) -> Iterator[str]:
    """What else is stated and left to the cluster's own gateway."""
    for hosts in (plain_text(spec.section("vhosts").values.get(name), 500) for name in ENVIRONMENTS.values()):
        if hosts:
            listed = ", ".join(host.strip() for host in hosts.split(";"))
            yield f"The cluster's own gateway serves this API at {listed} too."
    if any(operation.open_ended for operation in operations):
        yield (
            "Some operations take every path below theirs; Portico's gateway serves everything below the base path."
        )
    if any(operation.by_header for operation in operations):
        yield "Some operations match by headers, which Portico's gateway does not tell apart."
    resilience = spec.section("resilience").values
    if plain_text(resilience.get("idleTimeout")) not in ("", "0s"):
        yield "An idle timeout is stated, which Portico's gateway does not have."
    if any(operation.fields.values.get("resilience") for operation in operations):
        yield "Some operations have timeouts of their own; Portico's gateway has one for the whole API."


def upstream_sentences(spec: Fields) -> Iterator[str]:
    """What the upstreams and their definitions state beyond an address."""
    for definition in spec.sections("upstreamDefinitions", 100):
        if definition.section("timeout").values:
            yield "A timeout for connecting to the backend is stated, which Portico's gateway does not have."
        if len(definition.entries("upstreams", 100)) > 1:
            yield "A backend has several targets; the first is used, without balancing."
    if any(
        spec.section("upstream").section(name).values.get("hostRewrite") == "manual"
        for name in ENVIRONMENTS.values()
    ):
        yield "The caller's Host is to be kept; Portico's gateway sends the backend's own."
