"""RouteMetadata of dp.wso2.com/v2alpha1, which takes the API's place in APK 2: one version of one API.

The HTTPRoutes name it, not it them: by a filter of the type ExtensionRef in each of their rules.
"""

import re
from collections.abc import Iterator

from apis.sources.annotations import annotations_of
from apis.sources.apk.api import (
    base_path_of,
    definition_from,
    distinct,
    key_of,
    sentences_of,
    stated_name,
    stated_version,
    with_scopes,
)
from apis.sources.apk.filters import extensions_of
from apis.sources.apk.kinds import API_POLICIES, AUTHENTICATIONS, HTTPROUTES, attached
from apis.sources.apk.policies import Policies
from apis.sources.apk.rate_limits import plans_of
from apis.sources.apk.routes import Routes
from apis.sources.apk.values import mapping, mappings
from apis.sources.fields import Fields, Report, plain_text, ref_of
from apis.sources.gateway_api import parent_of, rules_of
from apis.sources.published import PRODUCTION, SANDBOX, Condition, DefinitionText, PublishedApi, Reading
from apis.sources.source import LookUp, Target
from portal.kube import KubeObject

ENVIRONMENTS = {"production": PRODUCTION, "staging": SANDBOX, "development": SANDBOX}
TYPES = {"rest": "rest", "http": "rest", "graphql": "graphql", "grpc": "grpc", "async": "asyncapi"}
DEFINITION_KEY = "Definition"
# As APK's own Helm chart marks its APIs: systemAPI: "true".
SYSTEM_LABEL = "systemapi"
# What APK writes on an HTTPRoute to say which environment it serves, and on RouteMetadata to name its HTTPRoutes
# (common-controller/internal/operator/controllers/dp/routemetadata_controller.go).
ENVIRONMENT_ANNOTATION = "gateway.envoyproxy.io/kgw-envtype"
ROUTES_ANNOTATION = "dp.wso2.com/httproute_"


def route_targets(route: KubeObject) -> Iterator[Target]:
    """Every object that the rules of an HTTPRoute name by ExtensionRef, RouteMetadata among them."""
    named = (entry for rule in rules_of(route) for entry in extensions_of(rule))
    for group, kind, name in dict.fromkeys(named):
        yield Target(group, kind, route.namespace, name)


def read_route_metadata(obj: KubeObject, look_up: LookUp) -> Reading:
    """One RouteMetadata object."""
    if is_system(obj):
        return Reading()
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report).section("api")
    annotations = annotations_of(obj, report)
    name, version = stated_name(spec, "name"), stated_version(spec, "version")
    kind, about_type = type_of(spec)
    context = base_path_of(spec, "context")
    environment = spec.choice("envType", ENVIRONMENTS, PRODUCTION)
    definition = definition_in(spec, obj, look_up)
    routes = Routes(obj, kind, look_up, report)
    found = routes_naming(obj, routes, look_up)
    for route in found:
        routes.add(environment_of(route, environment), (route,), spec.path)
    gateways = routes.gateways()
    policies = Policies(obj, gateways, look_up)
    security, cors = policies.security(AUTHENTICATIONS), policies.policy(API_POLICIES)
    serving = routes.read(context, definition, cors)
    security, about_scopes = with_scopes(security, serving.scopes)
    plans, about_limits = plans_of(obj, gateways, look_up)
    about_routes = () if found else ("No HTTPRoute names this API, so that it is served nowhere.",)
    published = PublishedApi(
        ref=ref_of(obj),
        key=annotations.api or key_of(name, obj),
        version=version,
        display_name=name or obj.name[:100],
        base_path=context,
        type=kind,
        owner_team=annotations.owner_team,
        contact=plain_text(spec.values.get("apiCreator"), 200),
        tags=annotations.tags,
        visibility=annotations.visibility,
        approval=annotations.approval,
        definition=definition,
        upstreams=serving.upstreams,
        security=security,
        plans=annotations.plans or plans,
        mediation=serving.mediation,
        conditions=conditions_of(obj),
        stated_only=distinct(
            *about_routes,
            *serving.sentences,
            *about_scopes,
            *policies.sentences,
            *about_limits,
            *about_type,
            *sentences_of(spec),
        ),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def routes_naming(obj: KubeObject, routes: Routes, look_up: LookUp) -> tuple[KubeObject, ...]:
    """The HTTPRoutes that name the object, and those that its annotations name."""
    listed = [
        name.strip()
        for key, value in sorted(obj.annotations.items())
        if key.startswith(ROUTES_ANNOTATION) and isinstance(value, str)
        for name in value.split(",")[:100]
    ]
    found = {route.name: route for route in attached(look_up, HTTPROUTES, obj)}
    names = tuple(dict.fromkeys(name for name in listed if name and name not in found))[:100]
    return (*found.values(), *routes.named(names, "metadata.annotations", HTTPROUTES))


def environment_of(route: KubeObject, usual: str) -> str:
    """The environment that an HTTPRoute serves: what its annotation says, else the object's."""
    stated = plain_text(route.annotations.get(ENVIRONMENT_ANNOTATION), 50).lower()
    return stated if stated in (PRODUCTION, SANDBOX) else usual


def is_system(obj: KubeObject) -> bool:
    """Whether a label marks one of APK's own APIs, however it is spelled: systemAPI, system-api."""
    return any(
        re.sub(r"[^a-z]", "", name.rsplit("/", 1)[-1].lower()) == SYSTEM_LABEL and value.lower() == "true"
        for name, value in obj.labels.items()
        if isinstance(name, str) and isinstance(value, str)
    )


def type_of(spec: Fields) -> tuple[str, tuple[str, ...]]:
    """The kind of API. The CRD takes any word; one that Portico does not know counts as REST, and is told."""
    stated = spec.text("type", "REST", most=50)
    known = TYPES.get(stated.lower())
    return known or "rest", () if known else (
        f"Its type in the cluster is {stated}; Portico takes it for REST.",
    )


def definition_in(spec: Fields, obj: KubeObject, look_up: LookUp) -> DefinitionText | None:
    """The definition inline, else in a ConfigMap: plain under Definition, or compressed in binaryData."""
    if spec.has("definition"):
        text = spec.text("definition", most=1_500_000)
        return DefinitionText(text, spec.at("definition")) if text else None
    if not spec.has("definitionFileRef"):
        return None
    ref = spec.section("definitionFileRef")
    kind = ref.text("kind", "ConfigMap")
    if kind != "ConfigMap":
        ref.wrong("kind", kind, "ConfigMap", "Put the definition in a ConfigMap.")
    name = ref.text("name", most=253)
    if not name:
        ref.missing("name", "Name the ConfigMap that holds the definition.")
        return None
    return definition_from(name, ref.at("name"), obj, look_up, spec.report, DEFINITION_KEY)


def conditions_of(obj: KubeObject) -> tuple[Condition, ...]:
    """The conditions that the controllers report, one of each type, what fails before what works (PolicyStatus)."""
    found: dict[str, Condition] = {}
    for ancestor in mappings(mapping(obj.body.get("status")), "ancestors"):
        parent = parent_of(mapping(ancestor.get("ancestorRef")), obj.namespace)
        for entry in mappings(ancestor, "conditions"):
            kind, status = plain_text(entry.get("type"), 316), plain_text(entry.get("status"), 20)
            generation = entry.get("observedGeneration")
            if kind and status and (kind not in found or status != "True"):
                found[kind] = Condition(
                    type=kind,
                    status=status,
                    reason=plain_text(entry.get("reason"), 1_024),
                    message=f"{parent.kind} {parent.namespace}/{parent.name}: {plain_text(entry.get('message'))}",
                    observed_generation=generation if type(generation) is int else None,
                )
    return tuple(found.values())
