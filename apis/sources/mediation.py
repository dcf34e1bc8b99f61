"""`spec.mediation` of an Api: how the gateway changes requests and answers."""

import re

from apis.sources.fields import Fields, Report, shown
from apis.sources.published import Cors, HeaderRules, Mediation

HEADER_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
HEADER_HINT = "Use letters, digits, hyphens and underscores."
HEADER_VALUE = re.compile(r"[^\x00-\x1F\x7F]*")
# Those that carry the connection itself, and those by which the gateway tells the backend who is calling.
KEPT = {"host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "keep-alive", "trailer"}
KEPT |= {"proxy-connection"}
KEPT_PREFIXES = ("x-portico-", "x-portal-")
PREFIX = re.compile(r"/((?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+/?)*")
ORIGIN = re.compile(r"\*|https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")
NONE = Mediation()
METHOD = re.compile("GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS")


def mediation_of(mediation: Fields) -> Mediation:
    """The whole section."""
    if not mediation.values:
        return NONE
    rewrite = mediation.section("rewrite")
    if mediation.has("rewrite") and not rewrite.has("prefix"):
        rewrite.missing("prefix", "Give what takes the base path's place; / takes it away.")
    return Mediation(
        request_headers=header_rules(mediation.section("requestHeaders")),
        response_headers=header_rules(mediation.section("responseHeaders")),
        rewrite_prefix=rewrite.text("prefix", most=200, like=PREFIX, hint="Write a path such as /v2.")
        or None,
        cors=cors_of(mediation.section("cors")) if mediation.has("cors") else None,
    )


def header_rules(rules: Fields) -> HeaderRules:
    """Which headers are set and removed."""
    to_set = rules.section("set")
    if len(to_set.values) > 20:
        rules.report.add(to_set.path, f"{to_set.path} has more than 20 entries", "Leave some out.")
    values = {}
    for name in [name for name in to_set.values if isinstance(name, str)][:20]:
        if is_free(rules.report, to_set.at(name), name):
            hint = "Take the control characters out."
            values[name] = to_set.text(name, most=1_000, like=HEADER_VALUE, hint=hint)
    removed = rules.texts("remove", most=20, like=HEADER_NAME, hint=HEADER_HINT)
    return HeaderRules(
        values, tuple(name for name in removed if is_free(rules.report, rules.at("remove"), name))
    )


def is_free(report: Report, field: str, name: str) -> bool:
    """Whether an object may change this header."""
    if not HEADER_NAME.fullmatch(name):
        report.add(field, f"{shown(name)} is no header name", HEADER_HINT)
        return False
    if name.lower() in KEPT or name.lower().startswith(KEPT_PREFIXES):
        message = f"The gateway keeps the header {name} to itself"
        report.add(field, message, "Leave x-portico-*, x-portal-*, host and connection headers alone.")
        return False
    return True


def cors_of(cors: Fields) -> Cors | None:
    """What browsers of other origins may do, None where no origin is named."""
    if not cors.has("allowOrigins"):
        cors.missing("allowOrigins", "Name the origins, such as https://shop.example.")
    found = Cors(
        allow_origins=cors.texts(
            "allowOrigins", most=20, longest=260, like=ORIGIN, hint="Like https://shop.example."
        ),
        allow_methods=cors.texts("allowMethods", most=10, like=METHOD, hint="Use upper-case HTTP methods."),
        allow_headers=cors.texts("allowHeaders", most=30, like=HEADER_NAME, hint=HEADER_HINT),
        expose_headers=cors.texts("exposeHeaders", most=30, like=HEADER_NAME, hint=HEADER_HINT),
        allow_credentials=cors.flag("allowCredentials"),
        max_age_seconds=cors.number("maxAgeSeconds", least=0, most=86_400),
    )
    if found.allow_credentials and "*" in found.allow_origins:
        message = "Credentials are allowed for every origin"
        cors.report.add(cors.at("allowCredentials"), message, "Name the origins in place of *.")
    return found if found.allow_origins else None
