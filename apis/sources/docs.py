"""Docs pages that an Api object brings: each with a title and its Markdown, inline or in a ConfigMap."""

from django.utils.text import slugify

from apis.sources.config_maps import definition_of, only_key
from apis.sources.fields import SLUG, SLUG_HINT, Fields
from apis.sources.published import PublishedPage
from apis.sources.source import CONFIG_MAP, LookUp
from portal.errors import Invalid
from portal.kube import KubeObject

MOST_PAGES = 20
LONGEST_TEXT = 100_000
# Addresses that the pages of the portal have themselves.
KEPT = frozenset({"new"})


def docs_of(spec: Fields, obj: KubeObject, look_up: LookUp) -> tuple[PublishedPage, ...]:
    """The pages of spec.docs in their order. Two with one address are a problem."""
    found: dict[str, PublishedPage] = {}
    for entry in spec.sections("docs", most=MOST_PAGES):
        page = page_of(entry, obj, look_up)
        if page is None:
            continue
        if page.slug in found or page.slug in KEPT:
            message = f"{entry.path} has the address {page.slug}, which is taken"
            entry.report.add(entry.at("slug"), message, "Give it another slug.")
        found.setdefault(page.slug, page)
    return tuple(found.values())


def page_of(entry: Fields, obj: KubeObject, look_up: LookUp) -> PublishedPage | None:
    """One page, None where something of it is wrong or missing."""
    if not entry.has("title"):
        entry.missing("title", "Give the page's title.")
    title = entry.text("title", most=120).strip()
    slug = entry.text("slug", slugify(title)[:63].strip("-_"), like=SLUG, hint=SLUG_HINT)
    if title and not slug:
        entry.missing("slug", f"No address can be made of the title. {SLUG_HINT}")
    given = [name for name in ("text", "configMapRef") if entry.has(name)]
    if len(given) != 1:
        message = f"{entry.path} gives " + (" and ".join(given) or "no text")
        entry.report.add(entry.path, message, "Give exactly one of text and configMapRef.")
        return None
    if given == ["text"]:
        text, origin = entry.text("text", most=LONGEST_TEXT), f"{entry.path}.text"
    else:
        text, origin = text_in(entry.section("configMapRef"), obj, look_up)
    return PublishedPage(slug, title, text, origin) if title and slug and text else None


def text_in(reference: Fields, obj: KubeObject, look_up: LookUp) -> tuple[str, str]:
    """The text in a ConfigMap of the object's namespace and where it stands; empty where it is not there."""
    if not reference.has("name"):
        reference.missing("name", "Name the ConfigMap that holds the page.")
    name, key = reference.text("name"), reference.text("key")
    if not name or (reference.has("key") and not key):
        return "", ""
    config_map = look_up(CONFIG_MAP, obj.namespace, name)
    if config_map is None:
        message = f"ConfigMap {obj.namespace}/{name} is not there"
        remedy = "Create it, or name another one. Portico will notice."
        reference.report.add(reference.at("name"), message, remedy)
        return "", ""
    try:
        found = definition_of(config_map, key or only_key(config_map, "data"))
    except Invalid as error:
        reference.report.add(reference.at("key"), error.message, error.remedy)
        return "", ""
    if len(found.text) > LONGEST_TEXT:
        message = f"{found.origin} is longer than {LONGEST_TEXT:,} characters"
        reference.report.add(reference.at("key"), message, "Part it into several pages.")
        return "", ""
    return found.text, found.origin
