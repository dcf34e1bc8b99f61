"""API: the version that a definition, and the project around it, describe."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from apis import definitions
from apis.sources.annotations import annotations_of
from apis.sources.fields import SLUG, Fields, Report, plain_text
from apis.sources.portico_v1alpha1 import PLAN
from apis.sources.published import PublishedApi, Reading, Security
from apis.sources.source import CONFIG_MAP, LookUp
from apis.sources.wso2_v1alpha1.api import TIER, ApiReader, key_slug, read_api as read_v1alpha1
from apis.sources.wso2_v1alpha1.kinds import API as API_V1ALPHA1, TARGET_ENDPOINT
from apis.sources.wso2_v1alpha1.security import security_names
from apis.sources.wso2_v1alpha2.project import Project, project_in
from apis.sources.wso2_v1alpha2.stated import merged, schemes_of, sentences, status_of, tiers_of
from portal.errors import Invalid
from portal.kube import KubeObject

API = replace(API_V1ALPHA1, version="v1alpha2")
TARGET_ENDPOINT_V1ALPHA2 = replace(TARGET_ENDPOINT, version="v1alpha2")

CONFIG_MAP_NAME = "spec.swaggerConfigMapName"
UNLIMITED = "unlimited"
BY_TOKEN = ("oauth2", "openidconnect", "bearer")
SCHEME_SENTENCES = {
    "basic": "Basic authentication is stated; Portico's gateway asks for a token.",
    "mutualssl": "Mutual TLS is stated, which Portico's gateway does not ask for.",
}
VALUES = {
    "paramsValues": "ConfigMap {} states parameters of environments, which the cluster's own gateway reads.",
    "certsValues": "ConfigMap {} states certificates of backends, which the cluster's own gateway reads.",
}


def read_api(obj: KubeObject, look_up: LookUp) -> Reading:
    """One API object, in whichever of the two generations it was written: a cluster may serve both from one store."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    if spec.has("definition") and not spec.has("swaggerConfigMapName"):
        return read_v1alpha1(obj, look_up)
    project = project_of(spec, obj, look_up)
    if project:
        published = tuple(ProjectReader(obj, project, look_up, report).read())
    return Reading((), report.problems) if report.problems or not project else Reading(published)


def project_of(spec: Fields, obj: KubeObject, look_up: LookUp) -> Project | None:
    """The project, or the definition alone, in the ConfigMap that the object names."""
    if not spec.has("swaggerConfigMapName"):
        remedy = "Name the ConfigMap that holds the OpenAPI definition or apictl's project."
        spec.missing("swaggerConfigMapName", remedy)
    name = spec.text("swaggerConfigMapName")
    if not name:
        if spec.has("swaggerConfigMapName"):
            spec.wrong("swaggerConfigMapName", name, "the name of a ConfigMap")
        return None
    config_map = look_up(CONFIG_MAP, obj.namespace, name)
    if config_map is None:
        message = f"ConfigMap {obj.namespace}/{name} is not there"
        spec.report.add(CONFIG_MAP_NAME, message, "Create it, or name another one. Portico will notice.")
        return None
    try:
        return project_in(config_map)
    except Invalid as error:
        spec.report.add(CONFIG_MAP_NAME, error.message, error.remedy)
        return None


class ProjectReader(ApiReader):
    """Reads a definition as v1alpha1 does, with the project's api.yaml around it and without Security objects."""

    field = CONFIG_MAP_NAME

    def __init__(self, obj: KubeObject, project: Project, look_up: LookUp, report: Report) -> None:
        super().__init__(obj, "", project.text, False, annotations_of(obj, report), look_up, report)
        self.stated = project.stated

    def read(self) -> Iterator[PublishedApi]:
        """The version, with its lifecycle status."""
        graphql = definitions.is_graphql(self.text.text)
        for found in super().read():
            yield replace(
                found,
                type="graphql" if graphql else found.type,
                deprecated=status_of(self.stated) in ("DEPRECATED", "RETIRED"),
            )

    def load(self) -> dict[Any, Any] | None:
        """The definition with what the project states around it; GraphQL has nothing of its own to add to that."""
        data = {} if definitions.is_graphql(self.text.text) else super().load()
        return None if data is None else merged(data, self.stated)

    def security(self, data: dict[Any, Any]) -> tuple[Security, tuple[str, ...]]:
        """The project's schemes, else those that the definition requires; a token where neither says anything."""
        if data.get("x-wso2-disable-security") is True:
            return Security(oauth2=False, api_key=False, public=True), ()
        schemes = set(schemes_of(self.stated)) or set(required_schemes(data))
        by_key = bool(schemes & {"api_key", "apikey"})
        by_token = bool(schemes & {*BY_TOKEN, "basic_auth", "basic"})
        about = [
            sentence
            for word, sentence in SCHEME_SENTENCES.items()
            if any(s.startswith(word) for s in schemes)
        ]
        return Security(oauth2=by_token or not by_key, api_key=by_key), tuple(about)

    def plans(self, data: dict[Any, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The annotation's plans, else the tiers of which there is a Plan; a sentence names the others."""
        tiers = list(
            dict.fromkeys([*tiers_of(self.stated), *filter(None, [plain_text(data.get(TIER), 100)])])
        )
        named = {tier: key_slug(tier) for tier in tiers}
        plans = [slug for slug in named.values() if SLUG.fullmatch(slug) and self.look_up(PLAN, "", slug)]
        others = [tier for tier, slug in named.items() if slug not in plans and slug != UNLIMITED]
        about = f"The project offers the tiers {', '.join(others)[:300]}, of which there is no Plan."
        if self.annotations.plans:
            return self.annotations.plans, ()
        return tuple(dict.fromkeys(plans))[:20], (about,) if others else ()

    def sentences(self, data: dict[Any, Any]) -> Iterator[str]:
        """What else is stated and left to the cluster's own gateway."""
        yield from super().sentences(data)
        yield from sentences(self.stated)
        for name, sentence in VALUES.items():
            if stated := plain_text(self.spec.get(name), 253):
                yield sentence.format(stated)


def required_schemes(data: dict[Any, Any]) -> Iterator[str]:
    """The types of the schemes that the definition requires; names that it does not define are left out."""
    components = data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    schemes = schemes if isinstance(schemes, dict) else data.get("securityDefinitions")
    for name in security_names(data):
        scheme = schemes.get(name) if isinstance(schemes, dict) else None
        if isinstance(scheme, dict):
            kind = plain_text(scheme.get("type")).lower()
            yield plain_text(scheme.get("scheme")).lower() if kind == "http" else kind
