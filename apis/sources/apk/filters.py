"""Filters of routes: what all rules have in common becomes mediation, the rest is stated."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from apis.sources.apk.values import mapping, mappings, texts
from apis.sources.fields import plain_text
from apis.sources.gateway_api import EXACT, PREFIX, REGEX, Match, RouteRule
from apis.sources.mediation import HEADER_NAME, HEADER_VALUE, KEPT, KEPT_PREFIXES, PREFIX as REWRITE_PREFIX
from apis.sources.published import Cors, HeaderRules, Mediation

GROUPED = re.compile(r"\([^()]*\)|\[\^/\]\+|\.\*|\{[^{}/]*\}|\\[0-9]")
HANDLED = ("RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "ExtensionRef")


def mediation_of(
    rules: tuple[RouteRule, ...], context: str, cors: Cors | None
) -> tuple[Mediation, tuple[str, ...]]:
    """What Portico's gateway does for every request, and sentences about the rest.

    `context` is the part of the rules' paths that Portico has in the base path.
    """
    request, about_request = headers_of(rules, "RequestHeaderModifier", "Request")
    response, about_response = headers_of(rules, "ResponseHeaderModifier", "Response")
    prefix, about_paths = rewrite_of(rules, context)
    sentences = (*about_request, *about_response, *about_paths, *other_filters(rules))
    return Mediation(request, response, prefix, cors), sentences


def headers_of(rules: tuple[RouteRule, ...], kind: str, word: str) -> tuple[HeaderRules, tuple[str, ...]]:
    """The headers that every rule sets to the same value or removes."""
    changes = [changes_of(rule, kind) for rule in rules]
    # A dict keeps the order in which they are stated, which a set would not.
    everywhere = [change for change in (changes[0] if changes else {}) if all(change in c for c in changes)]
    common = [change for change in everywhere if is_allowed(*change)][:20]
    rest = {change[1] for c in changes for change in c if change not in common}
    sentences: tuple[str, ...] = ()
    if rest:
        names = ", ".join(sorted(rest)[:20])
        sentences = (
            f"{word} headers are changed in ways that Portico's gateway does not follow: {names[:500]}.",
        )
    to_set = {name: value for verb, name, value in common if verb == "set"}
    removed = tuple(name for verb, name, _ in common if verb == "remove")
    return HeaderRules(to_set, removed), sentences


def changes_of(rule: RouteRule, kind: str) -> dict[tuple[str, str, str], None]:
    """The changes of a rule as (verb, header, value)."""
    found: dict[tuple[str, str, str], None] = {}
    for modifier in filters_of(rule, kind):
        for verb in ("set", "add"):
            for entry in mappings(modifier, verb):
                if name := plain_text(entry.get("name"), 256):
                    found[verb, name, plain_text(entry.get("value"), 4_096)] = None
        found |= {("remove", name, ""): None for name in texts(modifier, "remove")}
    return found


def is_allowed(verb: str, name: str, value: str) -> bool:
    """Whether Portico's gateway makes this change for an object; it keeps some headers to itself, and does not add."""
    lowered = name.lower()
    kept = lowered in KEPT or lowered.startswith(KEPT_PREFIXES)
    fits = HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value) and len(value) <= 1_000
    return verb != "add" and bool(fits) and not kept


def filters_of(rule: RouteRule, kind: str) -> Iterator[dict[Any, Any]]:
    """The settings of the filters of one type, which are under the type's name: requestHeaderModifier, urlRewrite."""
    name = {"URLRewrite": "urlRewrite"}.get(kind, kind[:1].lower() + kind[1:])
    for entry in rule.filters:
        if entry.get("type") == kind:
            yield mapping(entry.get(name))


def extensions_of(rule: RouteRule) -> tuple[tuple[str, str, str], ...]:
    """The objects that a rule names as (group, kind, name)."""
    found = (
        tuple(plain_text(ref.get(key), 253) for key in ("group", "kind", "name"))
        for ref in filters_of(rule, "ExtensionRef")
    )
    return tuple((group, kind, name) for group, kind, name in found if kind and name)


def rewrite_of(rules: tuple[RouteRule, ...], context: str) -> tuple[str | None, tuple[str, ...]]:
    """What takes the base path's place towards the upstream, if all rules agree. None: it is taken away."""
    sentences = []
    rewrites = [(rule, next(filters_of(rule, "URLRewrite"), {})) for rule in rules]
    if any(plain_text(rewrite.get("hostname")) for _, rewrite in rewrites):
        sentences.append("The cluster's own gateway sends another host name to the backend on some routes.")
    prefixes = {
        prefix_of(match, mapping(rewrite.get("path")), context)
        for rule, rewrite in rewrites
        for match in rule.matches
    }
    prefix = prefixes.pop() if len(prefixes) == 1 else None if prefixes else ""
    if prefix is None or not (prefix == "" or REWRITE_PREFIX.fullmatch(prefix)):
        sentences.append(
            "The cluster's own gateway rewrites paths route by route; Portico's gateway takes the base path away and "
            "keeps the rest."
        )
        prefix = ""
    return (prefix or None), tuple(sentences)


def prefix_of(match: Match, path: Mapping[Any, Any], context: str) -> str | None:
    """What a rule puts before the path inside the API, None where it changes this path itself."""
    inside = relative(match.path, context)
    full, replaced = plain_text(path.get("replaceFullPath"), 1_024), path.get("replacePrefixMatch")
    if path.get("type") == "ReplaceFullPath" and match.type in (EXACT, REGEX):
        becomes = normal(full)
    elif path.get("type") == "ReplacePrefixMatch" and match.type == PREFIX:
        becomes = plain_text(replaced, 1_024)
    elif path.get("type"):
        return None
    else:
        becomes = normal(match.path) if match.type == REGEX else match.path
    inside = normal(inside) if match.type == REGEX else inside.rstrip("/")
    becomes = becomes.rstrip("/")
    inside = inside.rstrip("/")
    return becomes[: len(becomes) - len(inside)] if becomes.endswith(inside) else None


def relative(path: str, context: str) -> str:
    """A path without the context, which some generations of routes have in their paths."""
    if context and (path == context or path.startswith(context + "/")):
        return path[len(context) :]
    return path


def normal(path: str) -> str:
    """A path with every variable part, however it is written, as {}. Expressions are compared as text, never run."""
    return GROUPED.sub("{}", path.removeprefix("^").removesuffix("$"))


def other_filters(rules: Iterable[RouteRule]) -> Iterator[str]:
    """What else filters state."""
    types = {plain_text(entry.get("type"), 50) for rule in rules for entry in rule.filters}
    for kind in sorted(types - {"", *HANDLED}):
        yield f"Some routes have the filter {kind}, which works in the cluster's own gateway only."
