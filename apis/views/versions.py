"""The page of an API: one version of it, in tabs that have an address each."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apis import downloads, permissions, provenance, states
from apis.docs.pages import pages_of
from apis.first_call import AUTH_LABELS, Stated, auth_choices, first_call, stated_of
from apis.index import current
from apis.models import Api, ApiVersion, DocsPage, Document, Operation, Plan, SyncProblem
from apis.steps import steps_from
from portal import markdown
from portal.accounts.models import Viewer
from portal.htmx import wants_part

OPERATIONS_A_PAGE = 50
ACCESS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """One version as this person may see it, with its siblings."""

    api: Api
    version: ApiVersion
    versions: list[ApiVersion]
    document: Document | None
    operation_count: int
    plans: list[Plan] = field(default_factory=list)
    docs: list[DocsPage] = field(default_factory=list)
    # Its first operations; None where they were not read.
    stated: Sequence[Stated] | None = None


def load(request: HttpRequest, slug: str, version: str | None) -> Shown:
    """The version named, or the one the catalog shows. Raises Http404 for what this person may not see."""
    return _shown(_row(slug, version, request.user))


def look_at(request: HttpRequest, slug: str, version: str | None) -> Shown:
    """The same, for pages that only show it: what was read for one reader serves all who see as much, until it changes."""
    index = current()
    about = ("version", slug, version, permissions.sight(request.user))

    def read() -> _Row:
        row = _row(slug, version, request.user)
        return replace(row, stated=stated_of(row.version))

    with index.lock:
        row = index.remembered(about, read)
    # A copy, for what is read later is kept in it: a text of 10 MB, say.
    shown = copy(row.version)
    if shown.document is not None:
        shown.document = copy(shown.document)
    return _shown(replace(row, version=shown))


@dataclass(frozen=True, slots=True)
class _Row:
    version: ApiVersion
    versions: list[ApiVersion]
    operation_count: int
    plans: list[Plan]
    stated: Sequence[Stated] | None = None


def _row(slug: str, version: str | None, user: Viewer) -> _Row:
    api = get_object_or_404(Api.objects.visible_to(user).select_related("team"), slug=slug)
    versions = _versions(api, user)
    wanted = (
        [v for v in versions if v.version == version]
        if version is not None
        else sorted(versions, key=lambda v: v.pk != api.current_version_id)
    )
    if not wanted:
        raise Http404
    for each in versions:
        each.api = api
    plans = [plan for plan in wanted[0].plans.all() if plan.withdrawn_at is None]
    return _Row(wanted[0], versions, wanted[0].operations.count(), plans)


def _shown(row: _Row) -> Shown:
    version = row.version
    return Shown(
        version.api,
        version,
        row.versions,
        version.document,
        row.operation_count,
        row.plans,
        pages_of(version),
        row.stated,
    )


def _versions(api: Api, user: Viewer) -> list[ApiVersion]:
    found = ApiVersion.objects.seen_of(api, user).select_related("document").defer("document__text")
    return list(found.prefetch_related("plans"))


def context_of(request: HttpRequest, shown: Shown, tab: str) -> dict[str, Any]:
    """What the head of the page needs, on every tab."""
    version, source = shown.version, permissions.can_view_source(request.user, shown.api)
    pillars = states.pillars(version, source=source)
    publisher = permissions.can_publish(request.user, shown.api)
    return {
        "api": shown.api,
        "version": version,
        "versions": shown.versions,
        "document": shown.document,
        "plans": shown.plans,
        "tab_is": {tab: True},
        "pillars": pillars,
        "probe": pillars[-1],
        "verdict": states.verdict(pillars),
        "operation_count": shown.operation_count,
        "can_view_source": source,
        "can_publish": publisher,
        "docs": shown.docs,
        "can_write_docs": permissions.can_write_docs(request.user, shown.api),
        "steps": steps_from(version.status) if publisher else [],
        "downloads": downloads.formats_of(shown.document),
        "days_left": (version.sunset_on - timezone.now().date()).days if version.sunset_on else None,
        "successor": next(
            (v for v in shown.versions if v.version == version.successor and v.pk != version.pk), None
        ),
        "open": version.status == ApiVersion.Status.PUBLISHED and version.withdrawn_at is None,
    }


@require_safe
@vary_on_headers("HX-Request")
def overview(request: HttpRequest, slug: str, version: str | None = None) -> HttpResponse:
    shown = look_at(request, slug, version)
    context = context_of(request, shown, "overview") | {
        "call": first_call(
            shown.version,
            shown.stated,
            environment=request.GET.get("environment", ""),
            auth=request.GET.get("auth", ""),
        ),
        "auth_choices": auth_choices(shown.version),
        "auth_labels": AUTH_LABELS,
        "about": markdown.with_contents(shown.api.description),
    }
    template = "apis/overview.html#start" if wants_part(request) else "apis/overview.html"
    return render(request, template, context)


def operations_like(version: ApiVersion, text: str) -> Any:
    """Operations of the version with every word of `text` somewhere in method, path, id or summary."""
    found = Operation.objects.filter(version=version)
    for word in text.split()[:8]:
        found = found.filter(
            Q(method__iexact=word)
            | Q(path__icontains=word)
            | Q(operation_id__icontains=word)
            | Q(summary__icontains=word)
        )
    return found


@require_safe
def plans(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    shown = load(request, slug, version)
    return render(request, "apis/plans.html", context_of(request, shown, "plans"))


@require_safe
def source(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Where the version comes from and what is wrong with it: for its team and admins, 404 for everybody else."""
    shown = load(request, slug, version)
    if not permissions.can_view_source(request.user, shown.api):
        raise Http404
    row = shown.version
    problems = SyncProblem.objects.filter(
        cluster=row.cluster, kind=row.kind, namespace=row.namespace, object_name=row.object_name
    )
    access = list(provenance.access_of(row)[: ACCESS_SHOWN + 1])
    context = context_of(request, shown, "source") | {
        "problems": list(problems),
        "upstreams": provenance.upstreams_of(row),
        "access": access[:ACCESS_SHOWN],
        "more_access": len(access) > ACCESS_SHOWN,
    }
    return render(request, "apis/source.html", context)


@require_safe
def swagger(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """The definition in Swagger UI, for those who are used to it. OpenAPI only."""
    row = get_object_or_404(
        ApiVersion.objects.visible_to(request.user).select_related("api", "document").defer("document__text"),
        api__slug=slug,
        version=version,
    )
    if row.document is None or not row.document.format.startswith("openapi"):
        raise Http404
    return render(request, "apis/swagger.html", {"api": row.api, "version": row})


@require_safe
def definition(request: HttpRequest, slug: str, version: str, form: str) -> HttpResponse:
    """The definition as a file, in the form that the address ends in."""
    row = get_object_or_404(
        ApiVersion.objects.visible_to(request.user).select_related("document").defer("document__text"),
        api__slug=slug,
        version=version,
    )
    if row.document is None or form not in downloads.formats_of(row.document):
        raise Http404
    return downloads.response(request, row.document, form, name=f"{slug}-{row.version}")
