"""API of dp.wso2.com v1alpha1 to v1alpha3: one version of one API."""

from collections.abc import Iterator

from apis.sources.annotations import annotations_of
from apis.sources.apk.kinds import API_POLICIES, AUTHENTICATIONS
from apis.sources.apk.policies import Policies
from apis.sources.apk.rate_limits import plans_of
from apis.sources.apk.routes import Routes
from apis.sources.apk.values import mapping, texts
from apis.sources.config_maps import definition_of, only_key
from apis.sources.fields import Fields, Report, plain_text, ref_of
from apis.sources.portico_v1alpha1 import BASE_PATH, BASE_PATH_HINT
from apis.sources.published import (
    ENVIRONMENTS,
    Condition,
    DefinitionText,
    OperationScopes,
    PublishedApi,
    Reading,
    Security,
)
from apis.sources.source import CONFIG_MAP, LookUp
from apis.sources.wso2_v1alpha1.api import key_slug, slugged
from portal.errors import Invalid
from portal.kube import KubeObject

TYPES = {"REST": "rest", "GraphQL": "graphql", "GRPC": "grpc"}
# v1alpha1 has the first, later generations the second.
ROUTE_LISTS = ("httpRouteRefs", "routeRefs")


def read_api(obj: KubeObject, look_up: LookUp) -> Reading:
    """One API object. APK's own APIs (`systemAPI`) are nobody's to subscribe to, and read as nothing."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    if spec.values.get("systemAPI") is True:
        return Reading()
    annotations = annotations_of(obj, report)
    name, version = stated_name(spec, "apiName"), stated_version(spec, "apiVersion")
    kind = spec.choice("apiType", TYPES, "rest")
    base_path = base_path_of(spec, "basePath")
    definition = definition_in(spec, obj, look_up)
    routes = Routes(obj, kind, look_up, report)
    for environment in ENVIRONMENTS:
        add_routes(routes, spec, environment)
    if not routes.routes:
        spec.missing("production", "Name the routes of production, of sandbox, or of both.")
    gateways = routes.gateways()
    policies = Policies(obj, gateways, look_up)
    security, cors = policies.security(AUTHENTICATIONS), policies.policy(API_POLICIES)
    serving = routes.read("", definition, cors)
    security, about_scopes = with_scopes(security, serving.scopes)
    plans, about_limits = plans_of(obj, gateways, look_up)
    published = PublishedApi(
        ref=ref_of(obj),
        key=annotations.api or key_of(name, obj),
        version=version,
        display_name=name or obj.name[:100],
        base_path=base_path,
        type=kind,
        owner_team=annotations.owner_team,
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
            *serving.sentences, *about_scopes, *policies.sentences, *about_limits, *sentences_of(spec)
        ),
    )
    return Reading((), report.problems) if report.problems else Reading((published,))


def stated_name(spec: Fields, field: str) -> str:
    """The API's name, which its versions share."""
    if not spec.has(field):
        spec.missing(field, "Give the API's name.")
    return spec.text(field, most=100)


def stated_version(spec: Fields, field: str) -> str:
    """The version, in characters that a path may have."""
    if not spec.has(field):
        spec.missing(field, "Give the version, such as 1.0.0.")
    stated = spec.text(field, most=100)
    version = slugged(stated)
    if stated and not version:
        spec.wrong(field, stated, "a version", "Use letters, digits and dots, such as 1.0.0.")
    return version


def key_of(name: str, obj: KubeObject) -> str:
    """The API's name as a key: objects of APK have a name for each version, so that theirs cannot join versions.

    Two organizations that give one name to two APIs of one namespace tell them apart by the annotation portico.dev/api.
    """
    return key_slug(name) or key_slug(obj.name)


def base_path_of(spec: Fields, field: str) -> str:
    """Where the API is served. APK has the version in it already."""
    if not spec.has(field):
        spec.missing(field, BASE_PATH_HINT)
    path = spec.text(field, most=200).rstrip("/")
    path = path if path.startswith("/") or not path else f"/{path}"
    if spec.has(field) and not BASE_PATH.fullmatch(path):
        spec.wrong(field, spec.values.get(field), "a path that can be served", BASE_PATH_HINT)
    return path


def add_routes(routes: Routes, spec: Fields, environment: str) -> None:
    """The routes of one environment, if the API has it."""
    for entry in spec.sections(environment, most=10):
        for name in ROUTE_LISTS:
            if entry.has(name):
                names = entry.texts(name, most=100, longest=253)
                routes.add(environment, routes.named(names, entry.at(name)), entry.at(name))


def definition_in(spec: Fields, obj: KubeObject, look_up: LookUp) -> DefinitionText | None:
    """The definition in the ConfigMap that is named, under its only key, gzip-compressed or plain."""
    name = spec.text("definitionFileRef", most=253)
    return definition_from(name, spec.at("definitionFileRef"), obj, look_up, spec.report) if name else None


def definition_from(
    name: str, field: str, obj: KubeObject, look_up: LookUp, report: Report, key: str = ""
) -> DefinitionText | None:
    """The definition in a ConfigMap of the API's namespace: under the key if it is there, else under the only one."""
    config_map = look_up(CONFIG_MAP, obj.namespace, name)
    if config_map is None:
        message = f"ConfigMap {obj.namespace}/{name} is not there"
        report.add(field, message, "Create it, or name another one. Portico will notice.")
        return None
    parts = [mapping(config_map.body.get(part)) for part in ("data", "binaryData")]
    try:
        known = key if any(key in part for part in parts) else only_key(config_map, "data", "binaryData")
        return definition_of(config_map, known)
    except Invalid as error:
        report.add(field, error.message, error.remedy)
        return None


def with_scopes(security: Security, scopes: tuple[OperationScopes, ...]) -> tuple[Security, tuple[str, ...]]:
    """The security with the scopes of operations, which only tokens have."""
    if scopes and not security.oauth2:
        named = ", ".join(dict.fromkeys(scope for entry in scopes for scope in entry.scopes))
        return security, (f"The scopes {named[:500]} are stated of an API that takes no tokens.",)
    return Security(security.oauth2, security.api_key, security.public, scopes), ()


def sentences_of(spec: Fields) -> Iterator[str]:
    """What else the object states."""
    organization = plain_text(spec.values.get("organization"), 200)
    if organization and organization != "default":
        yield f"In the cluster this API belongs to the organization {organization}."
    if environment := plain_text(spec.values.get("environment"), 200):
        yield f"In the cluster this API is for the environment {environment}."
    if spec.values.get("isDefaultVersion") is True:
        yield "The cluster's own gateway serves this version without the version in its path, too."
    properties = [
        f"{plain_text(entry.values.get('name'), 100)} = {plain_text(entry.values.get('value'), 200)}"
        for entry in spec.sections("apiProperties", most=100)
    ]
    if properties:
        yield f"Properties in the cluster: {', '.join(properties)[:1_000]}."


def conditions_of(obj: KubeObject) -> tuple[Condition, ...]:
    """What APK reports of the deployment. It writes this after a success only, so silence says nothing."""
    stated = mapping(mapping(obj.body.get("status")).get("deploymentStatus"))
    if not isinstance(stated.get("accepted"), bool):
        return ()
    events = (plain_text(stated.get("message"), 1_000), *texts(stated, "events"))
    return (
        Condition(
            type="Deployed",
            status="True" if stated["accepted"] else "False",
            reason=plain_text(stated.get("status"), 100),
            message=" ".join(filter(None, events))[:2_000],
        ),
    )


def distinct(*sentences: str) -> tuple[str, ...]:
    """Each sentence once; an object of the largest size could say thousands."""
    found = list(dict.fromkeys(sentences))
    return (*found[:100], f"{len(found) - 100} more are left out here.") if len(found) > 100 else tuple(found)
