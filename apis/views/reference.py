"""The Reference of a version: its operations, one at a time, and its schemas."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apis.first_call import AUTH_LABELS, auth_choices
from apis.models import (
    ApiVersion,
    DescribedOperation,
    DescribedSchema,
    Document,
    DocumentReference,
    Operation,
)
from apis.reference import lists, memory, parts, snippets
from apis.views.versions import OPERATIONS_A_PAGE, Shown, context_of, load, look_at, operations_like
from portal.htmx import wants_part
from portal.listing import page_of, pager

SCHEMAS_SHOWN = 200
# What htmx puts in the place of which element.
PARTS = {"div#snippet": "snippet", "div#operation": "operation"}
# The language of the snippets that a reader chose last; nothing personal, so it needs no consent.
LANGUAGE_COOKIE = "snippets"
COOKIE_SECONDS = 365 * 86_400


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Every operation of the version, searched and paged; its schemas below."""
    shown = load(request, slug, version)
    text = request.GET.get("q", "").replace("\0", "").strip()[:200]
    described = parts.ensure(shown.document) if shown.document else None
    if shown.document and described and not described.failure:
        group = request.GET.get("group", "").replace("\0", "")[:200]
        found = page_of(request, lists.matching(shown.document.pk, text, group), size=OPERATIONS_A_PAGE)
        context = _described(shown.document, described, group)
        add_scopes(shown, found.object_list)
    else:
        found = page_of(request, operations_like(shown.version, text), size=OPERATIONS_A_PAGE)
        context = {"described": described, "group": ""}
    context |= context_of(request, shown, "reference") | {"q": text, **pager(found)}
    part = "beside" if request.GET.get("beside") else "results"
    return render(
        request, f"apis/reference.html#{part}" if wants_part(request) else "apis/reference.html", context
    )


def _described(document: Document, described: DocumentReference, group: str) -> dict[str, Any]:
    """What the list of operations shows beside them: their groups, and the schemas."""
    schemas = DescribedSchema.objects.filter(document=document).only("slug", "name")[: SCHEMAS_SHOWN + 1]
    return {
        "described": described,
        "listed": lists.beside(document.pk),
        "group": group,
        "about_group": described.groups.get(group, ""),
        "schemas": schemas[:SCHEMAS_SHOWN],
    }


def add_scopes(shown: Shown, described: Any) -> None:
    """Give described operations the scopes that the gateway asks for, which the object may have changed."""
    paths = {each.path for each in described}
    rows = Operation.objects.filter(version=shown.version, path__in=paths)
    scopes = {(row.method, row.path): row.scopes for row in rows}
    for each in described:
        each.scopes = scopes.get((each.method, each.path), [])


@require_safe
@vary_on_headers("HX-Request")
def operation(request: HttpRequest, slug: str, version: str, operation: str) -> HttpResponse:
    """One operation."""
    context = operation_context(request, *documented_operation(request, slug, version, operation))
    if wants_part(request):
        part = PARTS.get(request.htmx.target, "reference")  # type: ignore[attr-defined]
        response = render(request, f"apis/operation.html#{part}", context | {"part": part})
    else:
        response = render(request, "apis/operation.html", context)
    if request.GET.get("language") in snippets.WRITERS:
        response.set_cookie(
            LANGUAGE_COOKIE, context["language"], max_age=COOKIE_SECONDS, samesite="Lax", httponly=True
        )
    return response


def documented_operation(
    request: HttpRequest, slug: str, version: str, operation: str
) -> tuple[Shown, Document, DescribedOperation]:
    """The operation with its version. Raises Http404 for what this person may not see."""
    shown = look_at(request, slug, version)
    row = memory.operation(shown.document, operation) if shown.document else None
    if shown.document is None or row is None:
        raise Http404
    return shown, shown.document, row


def operation_context(
    request: HttpRequest, shown: Shown, document: Document, row: DescribedOperation
) -> dict[str, Any]:
    """What the page of an operation shows."""
    add_scopes(shown, [row])
    return context_of(request, shown, "reference") | {
        "operation": row,
        "drawn": memory.drawn(document, row),
        "listed": memory.beside(document, row),
        **_call(request, shown.version, document, row),
    }


def _call(
    request: HttpRequest, version: ApiVersion, document: Document, row: DescribedOperation
) -> dict[str, Any]:
    """The snippet, and what can be chosen about it."""
    urls, choices = version.base_urls, auth_choices(version)
    environment = request.GET.get("environment", "")
    environment = environment if environment in urls else next(iter(urls), "")
    auth = request.GET.get("auth", "")
    auth = auth if auth in choices else next(iter(choices), "none")
    call = memory.call(document, row, urls[environment], auth) if urls else None
    if call is None:
        return {"url": urls.get(environment, ""), "auth_choices": choices, "auth_labels": AUTH_LABELS}
    languages = snippets.languages(call)
    wish = request.GET.get("language") or request.COOKIES.get(LANGUAGE_COOKIE, "")
    language = wish if wish in languages else "curl"
    return {
        "call": call,
        "url": call.url,
        "environment": environment,
        "auth": auth,
        "auth_choices": choices,
        "auth_labels": AUTH_LABELS,
        "languages": languages,
        "language": language,
        "snippet": snippets.snippet(call, language),
    }


@require_safe
@vary_on_headers("HX-Request")
def schema(request: HttpRequest, slug: str, version: str, schema: str) -> HttpResponse:
    """One named schema, type or message."""
    shown, document = _documented(request, slug, version)
    row = get_object_or_404(DescribedSchema.objects.defer("body"), document=document, slug=schema)
    context = context_of(request, shown, "reference") | {
        "schema": row,
        "drawn": memory.drawn_schema(document, row.slug),
        "listed": lists.beside(document.pk),
    }
    template = "apis/schema.html#reference" if wants_part(request) else "apis/schema.html"
    return render(request, template, context)


def _documented(request: HttpRequest, slug: str, version: str) -> tuple[Shown, Document]:
    """The version with its Document, of which the parts are there. Raises Http404 where there is none."""
    shown = load(request, slug, version)
    if shown.document is None:
        raise Http404
    parts.ensure(shown.document)
    return shown, shown.document
