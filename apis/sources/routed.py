"""Routes published by annotation, whichever kind of route it is: what the annotations add to the route."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from apis.sources.addresses import PATH, is_dotted
from apis.sources.annotations import PREFIX, Annotations, annotations_of, ours
from apis.sources.config_maps import definition_of, only_key
from apis.sources.fields import VERSION, VERSION_HINT, Fields, Report, ref_of
from apis.sources.portico_v1alpha1 import BASE_PATH, BASE_PATH_HINT
from apis.sources.published import (
    PRODUCTION,
    Condition,
    DefinitionAddress,
    DefinitionText,
    PublishedApi,
    Upstream,
)
from apis.sources.routing import Served
from apis.sources.source import CONFIG_MAP, LookUp
from portal.errors import Invalid
from portal.kube import KubeObject

OPT_IN = PREFIX + "api"


@dataclass(frozen=True, slots=True)
class RouteAnnotations:
    """`portico.dev/version` (v1 where not given), `display-name`, `base-path`, `definition`, and those of every kind."""

    common: Annotations
    version: str
    display_name: str
    base_path: str
    definition: str


def route_annotations(obj: KubeObject, report: Report) -> RouteAnnotations:
    """What the annotations of a route say; wrong values become problems."""
    fields = Fields(ours(obj), "metadata.annotations", report)
    return RouteAnnotations(
        common=annotations_of(obj, report),
        version=fields.text("version", "v1", like=VERSION, hint=VERSION_HINT),
        display_name=fields.text("display-name", most=100),
        base_path=fields.text("base-path", like=BASE_PATH, hint=BASE_PATH_HINT),
        definition=fields.text("definition"),
    )


def published_route(
    obj: KubeObject,
    annotations: RouteAnnotations,
    served: Served,
    conditions: Iterable[Condition],
    look_up: LookUp,
    report: Report,
) -> PublishedApi:
    """The version that a route and its annotations say."""
    common = annotations.common
    return PublishedApi(
        ref=ref_of(obj),
        key=common.api,
        version=annotations.version,
        display_name=annotations.display_name or common.api,
        base_path=annotations.base_path or served.path or f"/{common.api}/{annotations.version}",
        owner_team=common.owner_team,
        tags=common.tags,
        visibility=common.visibility,
        approval=common.approval,
        plans=common.plans,
        definition=definition_in(annotations.definition, obj, served.url, look_up, report),
        upstreams={PRODUCTION: Upstream(served.url, served.timeout_seconds)} if served.url else {},
        mediation=served.mediation,
        conditions=tuple(conditions),
        stated_only=served.sentences,
    )


def definition_in(
    stated: str, obj: KubeObject, url: str, look_up: LookUp, report: Report
) -> DefinitionText | DefinitionAddress | None:
    """The definition that the annotation names: a path which the upstream serves, or a ConfigMap of the namespace."""
    field = "metadata.annotations.definition"
    if not stated:
        return None
    if stated.startswith("/"):
        if not PATH.fullmatch(stated) or is_dotted(stated):
            report.add(field, f"{stated[:100]!r} is no path", "Write it like /openapi.json, without a query.")
            return None
        return DefinitionAddress(url + stated, f"annotation {PREFIX}definition") if url else None
    config_map = look_up(CONFIG_MAP, obj.namespace, stated)
    if config_map is None:
        message = f"ConfigMap {obj.namespace}/{stated} is not there"
        report.add(
            field,
            message,
            "Create it, name another one, or give a path beginning with /. Portico will notice.",
        )
        return None
    try:
        return definition_of(config_map, only_key(config_map, "data", "binaryData"))
    except Invalid as error:
        report.add(field, error.message, error.remedy)
        return None


def with_api(annotations: RouteAnnotations, api: str) -> RouteAnnotations:
    """The annotations with another key."""
    return replace(annotations, common=replace(annotations.common, api=api))
