"""API: one version for each definition that the object names."""

import re
from collections.abc import Iterator
from typing import Any

from apis import definitions
from apis.sources.annotations import Annotations, annotations_of
from apis.sources.config_maps import definition_of, only_key
from apis.sources.fields import Fields, Report, plain_text, ref_of
from apis.sources.portico_v1alpha1 import BASE_PATH, BASE_PATH_HINT
from apis.sources.published import (
    Condition,
    Cors,
    DefinitionText,
    Mediation,
    PublishedApi,
    Reading,
    Security,
)
from apis.sources.source import CONFIG_MAP, LookUp
from apis.sources.wso2_v1alpha1.endpoints import operations_of, upstreams_of
from apis.sources.wso2_v1alpha1.kinds import RATE_LIMITING
from apis.sources.wso2_v1alpha1.security import security_of
from portal.errors import Invalid
from portal.kube import KubeObject

CONFIG_MAPS = "spec.definition.swaggerConfigmapNames"
TIER = "x-wso2-throttling-tier"
NOT_ENFORCED = {
    "x-wso2-request-interceptor": "A request interceptor is stated, which runs in the cluster's own gateway only.",
    "x-wso2-response-interceptor": "A response interceptor is stated, which runs in the cluster's own gateway only.",
    "x-wso2-auth-header": "An own header for tokens is stated; Portico's gateway reads Authorization.",
    "x-wso2-mutual-ssl": "Mutual TLS is stated, which Portico's gateway does not ask for.",
    "x-wso2-application-security": "Application security is stated, which Portico's gateway does not read.",
    "x-wso2-transports": "Transports are stated; Portico's gateway serves on its own addresses.",
}


def read_api(obj: KubeObject, look_up: LookUp) -> Reading:
    """One API object. Several definitions ("shared" mode) give several versions; none while there is a problem."""
    report = Report(obj)
    annotations = annotations_of(obj, report)
    names = config_map_names(obj, report)
    found: list[PublishedApi] = []
    for index, name in enumerate(names):
        text = definition_from(name, index, obj, look_up, report)
        if text:
            reader = ApiReader(obj, name, text, len(names) > 1, annotations, look_up, report)
            found.extend(reader.read())
    return Reading((), report.problems) if report.problems else Reading(tuple(found))


def config_map_names(obj: KubeObject, report: Report) -> tuple[str, ...]:
    """The ConfigMaps with the definitions. The operator's own copies, `<name>-mgw`, are left out."""
    definition = Fields(obj.body.get("spec"), "spec", report).section("definition")
    names = definition.texts("swaggerConfigmapNames", most=100, longest=253)
    if not names:
        definition.missing("swaggerConfigmapNames", "Name the ConfigMap that holds the OpenAPI definition.")
    return tuple(name for name in names if not (name.endswith("-mgw") and name[:-4] in names))


def definition_from(
    name: str, index: int, obj: KubeObject, look_up: LookUp, report: Report
) -> DefinitionText | None:
    """The definition in a ConfigMap of the API's namespace, which has one key of any name (pkg/maps/utils.go)."""
    field = f"{CONFIG_MAPS}[{index}]"
    config_map = look_up(CONFIG_MAP, obj.namespace, name)
    if config_map is None:
        message = f"ConfigMap {obj.namespace}/{name} is not there"
        report.add(field, message, "Create it, or name another one. Portico will notice.")
        return None
    try:
        return definition_of(config_map, only_key(config_map, "data"))
    except Invalid as error:
        report.add(field, error.message, error.remedy)
        return None


class ApiReader:
    """Reads one version out of an API object and one of its definitions."""

    # Where the object names what it is read from.
    field = CONFIG_MAPS

    def __init__(
        self,
        obj: KubeObject,
        config_map: str,
        text: DefinitionText,
        shared: bool,
        annotations: Annotations,
        look_up: LookUp,
        report: Report,
    ) -> None:
        self.obj = obj
        self.config_map = config_map
        self.text = text
        self.shared = shared
        self.annotations = annotations
        self.look_up = look_up
        self.report = report
        spec = obj.body.get("spec")
        self.spec: dict[Any, Any] = spec if isinstance(spec, dict) else {}

    def read(self) -> Iterator[PublishedApi]:
        """The version; nothing, but a problem, if the definition is beyond reading."""
        data = self.load()
        if data is None:
            return
        info = Fields(data.get("info"), "info", self.report)
        stated = loose_text(info, "version")
        version = slugged(plain_text(self.spec.get("version")) or stated)
        if not version:
            self.report.add(
                "info.version", "The definition has no version", "Set info.version, or spec.version."
            )
        upstreams, about_endpoints = upstreams_of(data, self.obj, self.mode(data), self.look_up, self.report)
        security, about_security = self.security(data)
        plans, about_plans = self.plans(data)
        key = self.key()
        description = loose_text(info, "description")
        yield PublishedApi(
            ref=ref_of(self.obj),
            key=key,
            version=version,
            display_name=loose_text(info, "title")[:100] or self.obj.name[:100],
            base_path=self.base_path(data, stated) or f"/{key}/{version}",
            summary=first_line(description),
            description=description,
            type="asyncapi" if "asyncapi" in data else "rest",
            owner_team=self.annotations.owner_team,
            contact=contact_of(data),
            tags=self.annotations.tags or tags_of(data),
            visibility=self.annotations.visibility,
            approval=self.annotations.approval,
            definition=self.text,
            upstreams=upstreams,
            security=security,
            plans=plans,
            mediation=Mediation(cors=cors_of(data)),
            conditions=conditions_of(self.spec),
            stated_only=(*about_endpoints, *about_security, *about_plans, *self.sentences(data)),
        )

    def load(self) -> dict[Any, Any] | None:
        """The definition as plain objects, None with a problem if it cannot be read."""
        try:
            return definitions.load(self.text.text)
        except Invalid as error:
            self.report.add(self.field, f"{self.text.origin}: {error.message}", error.remedy or "Mend it.")
            return None

    def security(self, data: dict[Any, Any]) -> tuple[Security, tuple[str, ...]]:
        """How callers prove who they are, and sentences about what else is stated."""
        return security_of(data, self.obj, self.look_up, self.report)

    def key(self) -> str:
        """The annotation's, else the object's name, else (several definitions) the ConfigMap's.

        Not the title: it may change under the feet of subscribers. apictl names ConfigMaps `<api>-<n>-swagger`.
        """
        if self.shared:
            return key_slug(self.config_map.removesuffix("-swagger"))
        return self.annotations.api or key_slug(self.obj.name)

    def mode(self, data: dict[Any, Any]) -> str:
        """The deployment mode: the definition's before the object's, unless there are several (EpDeployMode)."""
        stated = None if self.shared else data.get("x-wso2-mode")
        return plain_text(stated) or plain_text(self.spec.get("mode")) or "privateJet"

    def base_path(self, data: dict[Any, Any], version: str) -> str:
        """x-wso2-basePath with {version} filled in, empty if it is not given."""
        stated = data.get("x-wso2-basePath")
        if stated is None:
            return ""
        path = plain_text(stated).replace("{version}", version).rstrip("/")
        path = path if path.startswith("/") else f"/{path}"
        if not BASE_PATH.fullmatch(path):
            message = f"x-wso2-basePath is {path[:100]!r}, which cannot be served"
            self.report.add("x-wso2-basePath", message, BASE_PATH_HINT)
        return path

    def plans(self, data: dict[Any, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The annotation's plans, else the tier that the definition names, if a RateLimiting has this name."""
        tier = plain_text(data.get(TIER))
        about = (f"The cluster limits this API by the throttling tier {tier[:100]}.",) if tier else ()
        if self.annotations.plans or not tier:
            return self.annotations.plans, about
        limiting = self.look_up(RATE_LIMITING, self.obj.namespace, tier)
        return ((limiting.name.replace(".", "-").lower(),), ()) if limiting else ((), about)

    def sentences(self, data: dict[Any, Any]) -> Iterator[str]:
        """What else is stated and left to the cluster's own gateway."""
        for name, sentence in NOT_ENFORCED.items():
            if data.get(name) or any(operation.get(name) for operation in operations_of(data)):
                yield sentence
        if any(operation.get(TIER) for operation in operations_of(data)):
            yield "Some operations have throttling tiers of their own, which are not enforced."
        if any(operation.get("x-wso2-disable-security") for operation in operations_of(data)):
            yield "Security is switched off for some operations; Portico's gateway asks for a token there too."
        definition = self.spec.get("definition")
        definition = definition if isinstance(definition, dict) else {}
        interceptors = definition.get("interceptors")
        if isinstance(interceptors, dict) and any(interceptors.values()):
            yield "Interceptors are stated, which run in the cluster's own gateway only."
        if definition.get("endpointCertificates"):
            yield "Certificates of the backend are stated, which Portico's gateway does not read."
        if host := plain_text(self.spec.get("ingressHostname")):
            yield f"The cluster's own gateway serves this API at {host[:200]} too."


def loose_text(fields: Fields, name: str) -> str:
    """A text of the definition; numbers are taken as they print, and anything else counts as absent."""
    value = fields.values.get(name)
    return str(value) if type(value) in (int, float) else plain_text(value, 20_000)


def slugged(version: str) -> str:
    """A version that can stand in a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", version)[:64].strip("._-")


def key_slug(name: str) -> str:
    """An object's name as a key, which has no dots."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower())[:63].strip("-")


def first_line(text: str) -> str:
    """The first line, short enough for lists."""
    return text.strip().split("\n", 1)[0][:300]


def contact_of(data: dict[Any, Any]) -> str:
    """The contact of the definition, or its owner."""
    info = data.get("info")
    contact = info.get("contact") if isinstance(info, dict) else None
    contact = contact if isinstance(contact, dict) else {}
    stated = [contact.get("email"), contact.get("url"), contact.get("name"), data.get("x-wso2-owner")]
    return next((text for value in stated if (text := plain_text(value)[:200])), "")


def tags_of(data: dict[Any, Any]) -> tuple[str, ...]:
    """The names of the definition's tags."""
    tags = data.get("tags")
    names = (
        (plain_text(tag.get("name"))[:40] for tag in tags if isinstance(tag, dict))
        if isinstance(tags, list)
        else ()
    )
    return tuple(dict.fromkeys(name for name in names if name))[:20]


def cors_of(data: dict[Any, Any]) -> Cors | None:
    """x-wso2-cors, unless it is switched off there."""
    stated = data.get("x-wso2-cors")
    if not isinstance(stated, dict) or stated.get("corsConfigurationEnabled") is False:
        return None
    credentials = stated.get("access-control-allow-credentials") is True
    origins = listed(stated, "access-control-allow-origins")
    return Cors(
        allow_origins=origins,
        allow_methods=listed(stated, "access-control-allow-methods"),
        allow_headers=listed(stated, "access-control-allow-headers"),
        expose_headers=listed(stated, "access-control-expose-headers"),
        # Browsers refuse the two together, and so does Portico's own kind.
        allow_credentials=credentials and "*" not in origins,
    )


def listed(stated: dict[Any, Any], name: str) -> tuple[str, ...]:
    """A list of header-safe texts."""
    value = stated.get(name)
    texts = [plain_text(entry) for entry in value] if isinstance(value, list) else []
    return tuple(text for text in texts if re.fullmatch(r"[\x21-\x7E]{1,260}", text))[:30]


def conditions_of(spec: dict[Any, Any]) -> tuple[Condition, ...]:
    """What the operator found out: it writes hosts into spec.apiEndPoint, `<pending>` until it knows (pkg/mgw/api.go)."""
    hosts = plain_text(spec.get("apiEndPoint"))
    if not hosts:
        return ()
    if hosts == "<pending>":
        return (Condition("Deployed", "Unknown", "Pending", "The operator knows no address yet."),)
    # Its order is random; sorted, an unchanged object stays unchanged.
    ordered = ", ".join(sorted(host.strip() for host in hosts.split(",")))
    return (Condition("Deployed", "True", "EndpointKnown", ordered),)
