"""Routes of the cluster's own gateways, in Portico's words: one base path, one upstream, one mediation.

Portico's gateway has one upstream for each version and environment. Where a route sends everything to one Service in one
way, that Service is the upstream. Where only the cluster's gateway can tell the rules apart (several backends, redirects,
unlike rewriting), it is the upstream itself, at the route's own hostname; what it does then stays in force there.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from apis.sources.fields import Report, shown
from apis.sources.mediation import HEADER_NAME, HEADER_VALUE, KEPT, KEPT_PREFIXES, METHOD, ORIGIN, PREFIX
from apis.sources.published import Cors, HeaderRules, Mediation

SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]+")
DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|m|s|ms|us|ns)){1,4}")
UNITS = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
MOST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a rule sends requests. `url` is "" for what is no Service that Portico's gateway could call."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a route. `paths` are what requests begin with, "" for everything; None in `becomes`: left as it is.

    `narrowed` says what counts besides path beginnings ("methods"), `beyond` what Portico's gateway does not do, in
    sentences. `alone`: only the cluster's gateway can serve it. `timeout_seconds` 0: none is stated.
    """

    paths: tuple[str, ...]
    backends: tuple[Backend, ...]
    becomes: str | None = None
    request_headers: HeaderRules = field(default_factory=HeaderRules)
    response_headers: HeaderRules = field(default_factory=HeaderRules)
    cors: Cors | None = None
    timeout_seconds: int = 0
    narrowed: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """How Portico serves a route. `path` is what its rules have in common, "" for nothing; `url` "": there is no way."""

    path: str
    url: str
    timeout_seconds: int
    mediation: Mediation = field(default_factory=Mediation)
    sentences: tuple[str, ...] = ()


def serve(rules: tuple[Rule, ...], gateway_url: Callable[[], str], context: str | None = None) -> Served:
    """Decides where requests go. `gateway_url` finds the cluster's own gateway at the route's host, "" if it cannot.

    With `context` the rules' paths are below this path at the cluster's gateway, and not part of the base path.
    """
    path = common_path(rules) if context is None else ""
    towards = {one_prefix(path, rule, stated) for rule in rules for stated in rule.paths}
    prefix = next(iter(towards)) if len(towards) == 1 else None
    backends = tuple(dict.fromkeys(backend for rule in rules for backend in rule.backends))
    url = backends[0].url if len(backends) == 1 else ""
    if url and prefix is not None and not any(rule.alone for rule in rules):
        return directly(path, url, prefix, rules)
    if address := gateway_url():
        return by_gateway(path if context is None else context, address, rules, len(backends))
    if url:
        kept = path if prefix is None else prefix
        left = "Some rules redirect, answer by themselves or rewrite paths in ways of their own; Portico's gateway sends their requests to the Service as they are."
        return directly(path, url, kept, rules, left)
    return Served(path, "", timeout_of(rules))


def directly(path: str, url: str, prefix: str, rules: tuple[Rule, ...], *more: str) -> Served:
    """Portico's gateway calls the Service itself and does what the rules state, as far as it can."""
    mediation, left = mediation_of(rules, prefix)
    return Served(path, url, timeout_of(rules), mediation, unique((*more, *left, *narrowings(path, rules))))


def by_gateway(path: str, address: str, rules: tuple[Rule, ...], count: int) -> Served:
    """Portico's gateway calls the cluster's, which goes on as the rules say."""
    reason = f"{count} backends" if count > 1 else "rules that only it can tell apart"
    sentence = (
        f"The cluster's own gateway at {address} has {reason} for this API: Portico's gateway calls it there, and routing,"
        " filters and policies of the cluster apply behind Portico's own."
    )
    return Served(path, address, timeout_of(rules), Mediation(rewrite_prefix=path or None), (sentence,))


def segments(path: str) -> list[str]:
    """The parts of a path, without the slashes."""
    return [segment for segment in path.split("/") if segment]


def plain_path(path: str) -> str:
    """A path without a slash at its end, "" for the root."""
    return "".join(f"/{segment}" for segment in segments(path))


def literal_path(pattern: str) -> str:
    """What every path that a regular expression takes begins with, as far as that is plain to see."""
    if "|" in pattern:
        return ""
    found = []
    *inner, last = pattern.removeprefix("^").lstrip("/").split("/")
    for segment in [*inner, last.removesuffix("$") if last.endswith("$") else last + "*"]:
        if not re.fullmatch(r"[A-Za-z0-9_~-]+", segment):
            break
        found.append(segment)
    return "".join(f"/{segment}" for segment in found)


def common_path(rules: Iterable[Rule]) -> str:
    """The longest path that all rules lie below and that can be a base path, "" if there is none."""
    paths = [segments(path) for rule in rules for path in rule.paths]
    found = ""
    for level in zip(*paths, strict=False) if paths else ():
        longer = f"{found}/{level[0]}"
        if len(set(level)) > 1 or not SEGMENT.fullmatch(level[0]) or len(longer) > 200:
            break
        found = longer
    return found


def one_prefix(path: str, rule: Rule, stated: str) -> str | None:
    """What has to take the place of `path` so that the backend sees what the rule gives it. None: nothing does."""
    if rule.becomes is None:
        return path
    rest = stated[len(path) :]
    becomes = plain_path(rule.becomes)
    prefix = becomes[: len(becomes) - len(rest)]
    return (
        prefix if becomes.endswith(rest) and PREFIX.fullmatch(prefix or "/") and len(prefix) <= 200 else None
    )


def mediation_of(rules: tuple[Rule, ...], prefix: str) -> tuple[Mediation, tuple[str, ...]]:
    """What all rules change alike, and sentences about the rest."""
    first = rules[0]
    left = [sentence for rule in rules for sentence in rule.beyond]
    request, response, cors = first.request_headers, first.response_headers, first.cors
    if any((rule.request_headers, rule.response_headers) != (request, response) for rule in rules):
        request = response = HeaderRules()
        left.append("Header changes differ between the rules; Portico's gateway makes none of them.")
    if any(rule.cors != cors for rule in rules):
        cors = None
        left.append("CORS differs between the rules; Portico's gateway answers none of it.")
    return Mediation(request, response, prefix or None, cors), tuple(left)


def narrowings(path: str, rules: tuple[Rule, ...]) -> Iterator[str]:
    """Sentences about requests that the cluster's gateway would refuse, and Portico's lets through."""
    if words := unique(word for rule in rules for word in rule.narrowed):
        yield f"The route also matches by {', '.join(words)}; Portico's gateway looks at the path and the definition."
    stated = unique(known for rule in rules for known in rule.paths)
    if stated != (path,):
        listed = ", ".join(known or "/" for known in stated[:10]) + (", ..." if len(stated) > 10 else "")
        yield f"The route takes only {listed}; Portico's gateway serves what the definition has below the base path."


def timeout_of(rules: tuple[Rule, ...]) -> int:
    """The longest timeout of the rules, in seconds; Portico's own default if none is stated."""
    return max((rule.timeout_seconds for rule in rules), default=0) or 30


def seconds_of(duration: str, most: int = MOST_SECONDS) -> int:
    """A duration such as 1m30s or 500ms in whole seconds, at most what Portico allows; 0 if it is not one, or endless."""
    if not DURATION.fullmatch(duration):
        return 0
    parts = re.findall(r"([0-9.]+)(ms|us|ns|h|m|s)", duration)
    return min(most, math.ceil(sum(float(number) * UNITS[unit] for number, unit in parts)))


def header_rules(
    to_set: Iterable[tuple[str, str]], removed: Iterable[str], where: str
) -> tuple[HeaderRules, tuple[str, ...]]:
    """Header changes as Portico's gateway can make them, and sentences about those it cannot."""
    values: dict[str, str] = {}
    left: list[str] = []
    for name, value in to_set:
        if is_free(name) and len(values) < 20 and len(value) <= 1_000 and HEADER_VALUE.fullmatch(value):
            values[name] = value
        else:
            left.append(f"The {where} header {shown(name)} is set in the cluster, not by Portico's gateway.")
    names = tuple(dict.fromkeys(removed))
    free = tuple(name for name in names if is_free(name))[:20]
    left += [
        f"The {where} header {shown(name)} is removed in the cluster, not by Portico's gateway."
        for name in names
        if name not in free
    ]
    return HeaderRules(values, free), tuple(left[:20])


def is_free(name: str) -> bool:
    """Whether Portico's gateway may change this header for somebody else."""
    known = name.lower()
    return bool(HEADER_NAME.fullmatch(name)) and known not in KEPT and not known.startswith(KEPT_PREFIXES)


def cors_of(
    origins: Iterable[str],
    methods: Iterable[str],
    headers: Iterable[str],
    exposed: Iterable[str],
    credentials: bool,
    max_age: int | None,
) -> tuple[Cors | None, tuple[str, ...]]:
    """CORS as Portico's gateway can answer it, and a sentence where that is less than what is stated."""
    stated = tuple(map(tuple, (origins, methods, headers, exposed)))
    patterns = (ORIGIN, re.compile(rf"{METHOD.pattern}|\*"), *2 * (re.compile(rf"{HEADER_NAME.pattern}|\*"),))
    taken = tuple(
        tuple(dict.fromkeys(entry for entry in entries if pattern.fullmatch(entry)))[:30]
        for entries, pattern in zip(stated, patterns, strict=True)
    )
    # Browsers refuse credentials together with every origin, and so does Portico's own kind.
    allowed = credentials and "*" not in taken[0]
    whole = all(len(kept) == len(set(entries)) for kept, entries in zip(taken, stated, strict=True))
    left = ("CORS is stated with more than Portico's gateway answers; it keeps to plain origins and names.",)
    age = max_age if max_age is not None and 0 <= max_age <= 86_400 else None
    found = Cors(taken[0], taken[1], taken[2], taken[3], allowed, age) if taken[0] else None
    return found, () if whole and allowed == credentials and found else left


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    """Every text once, in order."""
    return tuple(dict.fromkeys(texts))


def no_way(field: str, report: Report) -> None:
    """Notes that a route leads nowhere for Portico's gateway."""
    remedy = (
        "Send all rules to one Service of the cluster, or give the route a hostname without a wildcard at which Portico's"
        " gateway can call the cluster's."
    )
    report.add(field, "Portico's gateway has no way to the backends of this route", remedy)
