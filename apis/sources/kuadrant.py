"""APIProduct of devportal.kuadrant.io/v1alpha1: an HTTPRoute of its namespace as a product of Kuadrant's developer portal.

A draft is hidden in Kuadrant's catalog and so in Portico's: it publishes nothing. Plans and authentication that Kuadrant
has found on the route stay in force at the cluster's own gateway; Portico says so, and enforces its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from apis.sources.addresses import checked_url
from apis.sources.fields import (
    SLUG,
    SLUG_HINT,
    VERSION,
    VERSION_HINT,
    Fields,
    Report,
    conditions_of,
    plain_text,
)
from apis.sources.gateway_api import GATEWAY, GROUP, HTTPROUTE, parent_conditions
from apis.sources.http_route import served_route
from apis.sources.kuadrant_kinds import API_PRODUCT
from apis.sources.published import (
    Condition,
    DefinitionAddress,
    DefinitionText,
    PublishedApi,
    Reading,
    Security,
)
from apis.sources.routed import published_route, route_annotations, with_api
from apis.sources.source import CONFIG_MAP, About, Attachment, LookUp, Source, Target
from portal.errors import Invalid
from portal.kube import KubeObject
from portal.safeyaml import MAX_BYTES

LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]+")
LINKS = {
    "docsURL": "Documentation",
    "swaggerUI": "Interactive documentation",
    "gitRepository": "Source",
    "techdocsRef": "TechDocs",
}
APPROVALS = {"automatic": "automatic", "manual": "manual"}
BY_TOKEN = ("jwt", "oauth2Introspection", "kubernetesTokenReview")
# What an authentication of Authorino's AuthPolicy may be; the rest of its fields say how.
SCHEMES = {
    "anonymous": "nothing",
    "apiKey": "API keys of its own",
    "jwt": "tokens of its own issuer",
    "kubernetesTokenReview": "tokens of Kubernetes",
    "oauth2Introspection": "tokens of its own issuer",
    "plain": "an identity found elsewhere in the request",
    "x509": "client certificates",
}
TARGET_REMEDY = "Point it at the HTTPRoute of the API, in the product's own namespace."
PERIODS = {"daily": "a day", "weekly": "a week", "monthly": "a month", "yearly": "a year"}


def read_api_product(obj: KubeObject, look_up: LookUp) -> Reading:
    """One APIProduct; nothing while it is a draft, as it is from its creation on."""
    report = Report(obj)
    spec = Fields(obj.body.get("spec"), "spec", report)
    status = spec.choice("publishStatus", {"Draft": "draft", "Published": "published"}, "draft")
    if not spec.has("targetRef"):
        spec.missing("targetRef", TARGET_REMEDY)
    if status == "draft" or report.problems:
        return Reading((), report.problems)
    route = route_of(spec.section("targetRef"), obj, look_up)
    served = served_route(route, look_up, report) if route else None
    if route is None or served is None:
        return Reading((), report.problems)
    annotations = with_api(route_annotations(obj, report), key_of(obj, report))
    annotations = replace(annotations, version=version_of(spec) or annotations.version)
    conditions = distinct([*conditions_of(obj), *parent_conditions(route)])
    published = published_route(obj, annotations, served, conditions, look_up, report)
    published = with_product(published, spec, obj)
    return Reading((), report.problems) if report.problems else Reading((published,))


def with_product(published: PublishedApi, spec: Fields, obj: KubeObject) -> PublishedApi:
    """The version with what the product says of it."""
    description = plain_text(spec.values.get("description"), 15_000)
    definition, sentences = definition_of(spec, obj)
    security, about_security = security_of(obj)
    documentation, contacts = spec.section("documentation"), contacts_of(spec.section("contact"))
    parts = (description, *links_of(documentation), ", ".join(contacts[1:]))
    return replace(
        published,
        display_name=plain_text(spec.values.get("displayName"), 100).strip() or published.display_name,
        summary=description.strip().split("\n", 1)[0][:300],
        description="\n\n".join(part for part in parts if part),
        contact=contacts[0] if contacts else "",
        tags=tags_of(spec) or published.tags,
        approval=spec.choice("approvalMode", APPROVALS, "manual"),
        definition=published.definition or definition,
        security=security,
        stated_only=(*published.stated_only, *sentences, *about_security, *plan_sentences(obj)),
    )


def route_of(reference: Fields, obj: KubeObject, look_up: LookUp) -> KubeObject | None:
    """The HTTPRoute that the product stands for. None, with a problem, if it is not there or something else."""
    if not reference.values.get("name"):
        reference.missing("name", TARGET_REMEDY)
        return None
    group, kind = reference.values.get("group"), reference.values.get("kind")
    if (group, kind) != (GROUP, "HTTPRoute"):
        reference.wrong("kind", kind, f"an HTTPRoute of {GROUP}", TARGET_REMEDY)
        return None
    name = reference.text("name")
    route = look_up(HTTPROUTE, obj.namespace, name) if name else None
    if name and route is None:
        message = f"HTTPRoute {obj.namespace}/{name} is not there"
        reference.report.add(
            reference.at("name"), message, "Create it, or name another one. Portico will notice."
        )
    return route


def key_of(obj: KubeObject, report: Report) -> str:
    """What the versions of one API share: the annotation portico.dev/api, or the product's name."""
    name = str(obj.annotations.get("portico.dev/api", obj.name.replace(".", "-")))
    if not SLUG.fullmatch(name):
        message = f"The name {name[:100]} cannot be an API's name"
        report.add("metadata.name", message, f"Set the annotation portico.dev/api. {SLUG_HINT}")
    return name


def version_of(spec: Fields) -> str:
    """The product's version, "" if it has none."""
    return spec.text("version", like=VERSION, hint=VERSION_HINT)


def distinct(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """The first condition of each type: the product's own go before the route's."""
    found: dict[str, Condition] = {}
    for condition in conditions:
        found.setdefault(condition.type, condition)
    return tuple(found.values())


def definition_of(
    spec: Fields, obj: KubeObject
) -> tuple[DefinitionText | DefinitionAddress | None, tuple[str, ...]]:
    """The definition that Kuadrant has fetched, else the address it is fetched from; and what is wrong with that."""
    stated = plain_text(spec.section("documentation").values.get("openAPISpecURL"))
    raw = _mapping(_mapping(obj.body.get("status")).get("openapi")).get("raw")
    if stated and isinstance(raw, str) and raw.strip() and "\x00" not in raw and len(raw) <= MAX_BYTES:
        return DefinitionText(raw, f"status.openapi.raw, fetched by Kuadrant from {stated[:200]}"), ()
    if not stated:
        return None, ()
    try:
        return DefinitionAddress(checked_url(stated, obj.namespace), "spec.documentation.openAPISpecURL"), ()
    except Invalid:
        return None, (
            f"The definition is stated to be at {stated[:200]}, which is no address that Portico fetches.",
        )


def links_of(documentation: Fields) -> Iterator[str]:
    """Lines for a description, with the places where more is to be read."""
    for name, title in LINKS.items():
        text = plain_text(documentation.values.get(name), 500).removeprefix("url:").strip()
        if LINK.fullmatch(text):
            yield f"{title}: <{text}>"
        elif name == "techdocsRef" and text:
            yield f"{title}: `{text.replace('`', '')}`"


def contacts_of(contact: Fields) -> list[str]:
    """The ways to reach the owners, the best one first."""
    stated = {name: plain_text(contact.values.get(name), 200).strip() for name in CONTACTS}
    return [prefix + stated[name] for name, prefix in CONTACTS.items() if stated[name]]


CONTACTS = {"email": "", "url": "", "slack": "Slack ", "team": "Team "}


def tags_of(spec: Fields) -> tuple[str, ...]:
    """The product's tags; the kind has no limits of its own."""
    tags = spec.values.get("tags")
    texts = (plain_text(tag, 40).strip() for tag in tags) if isinstance(tags, list) else ()
    return tuple(dict.fromkeys(text for text in texts if text))[:20]


def security_of(obj: KubeObject) -> tuple[Security, tuple[str, ...]]:
    """How callers prove who they are, after the AuthPolicy that Kuadrant found; and what that asks for in the cluster."""
    scheme = _mapping(_mapping(obj.body.get("status")).get("discoveredAuthScheme"))
    stated = _mapping(scheme.get("authentication"))
    named = [_mapping(entry) for entry in list(stated.values())[:50]]
    kinds = [kind for kind in SCHEMES if any(kind in entry for entry in named)]
    sentences = [
        f"The cluster's own gateway asks for {SCHEMES[kind]}; Portico's asks for what Portico issues."
        for kind in kinds
    ]
    if scheme.get("authorization"):
        sentences.append("Authorization rules are stated, which the cluster's own gateway enforces alone.")
    # Whatever is asked for, nobody is let through without proof.
    tokens = any(kind in BY_TOKEN for kind in kinds)
    keys = "apiKey" in kinds
    return Security(oauth2=tokens or not keys, api_key=keys or not tokens), tuple(dict.fromkeys(sentences))


def plan_sentences(obj: KubeObject) -> Iterator[str]:
    """What the plans that Kuadrant found limit. All subscribers of a tier share one count there."""
    plans = _mapping(obj.body.get("status")).get("discoveredPlans")
    for plan in plans[:50] if isinstance(plans, list) else ():
        tier, limits = plain_text(_mapping(plan).get("tier"), 100), _mapping(_mapping(plan).get("limits"))
        parts = [f"{limits[name]} requests {word}" for name, word in PERIODS.items() if _count(limits, name)]
        custom = limits.get("custom")
        for entry in custom[:20] if isinstance(custom, list) else ():
            window = plain_text(_mapping(entry).get("window"), 50)
            if _count(_mapping(entry), "limit") and window:
                parts.append(f"{entry['limit']} requests in {window}")
        if tier:
            allowed = f" of {', '.join(parts)}" if parts else ""
            yield f"The cluster has a plan {tier}{allowed}, which its own gateway enforces."


def targets_of(obj: KubeObject) -> Iterator[Target]:
    """The HTTPRoute that an APIProduct speaks for."""
    reference = _mapping(_mapping(obj.body.get("spec")).get("targetRef"))
    group, kind, name = (plain_text(reference.get(field)) for field in ("group", "kind", "name"))
    if name:
        yield Target(group, kind, obj.namespace, name)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name)
    return type(value) is int and 0 < value < 10**18


ATTACHMENTS = (Attachment(kind=API_PRODUCT, targets=targets_of),)

SOURCES = (
    Source(
        kind=API_PRODUCT,
        depends_on=(CONFIG_MAP, GATEWAY, HTTPROUTE),
        read=read_api_product,
        about=About(
            publisher="Kuadrant developer portal",
            reads="Name, description, version, links, contact, tags, approval and publish status, the HTTPRoute it points"
            " at (as for HTTPRoute), and what Kuadrant found out: definition, plans, authentication, conditions.",
            enforced="What is enforced of its HTTPRoute, and tokens or API keys after the authentication found.",
            shown="Plans and authorization of the cluster.",
        ),
    ),
)
