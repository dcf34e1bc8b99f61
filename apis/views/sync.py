"""How the catalog follows the clusters, and what could not be read."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from apis import actions, permissions, sync_status
from apis.models import ApiVersion, Backend, SyncProblem, SyncRun
from apis.querysets import SyncProblemQuerySet, own_namespaces
from portal.accounts.models import Viewer
from portal.accounts.people import person
from portal.accounts.roles import Permission, can
from portal.htmx import wants_part
from portal.lazily import gettext_lazy as _
from portal.listing import Sort, listing_of

RUNS_A_CLUSTER = 5
BACKENDS_SHOWN = 20
NAMESPACES_OFFERED = 200
SORTS = {
    "newest": Sort(_("Newest first"), ("-first_seen_at", "-id")),
    "oldest": Sort(_("Oldest first"), ("first_seen_at", "id")),
    "object": Sort(_("By object"), ("namespace", "object_name", "kind", "field", "id")),
    "kind": Sort(_("By kind"), ("kind", "namespace", "object_name", "field", "id")),
}


@login_required
@require_safe
@vary_on_headers("HX-Request")
def sync(request: HttpRequest) -> HttpResponse:
    permissions.check_can_view_sync(request.user)
    clusters = sync_status.visible_to(request.user)
    visible = SyncProblem.objects.visible_to(request.user)
    text, chosen = _asked(request, "q"), {name: _asked(request, name) for name in PLACES}
    listing = listing_of(request, problems_like(visible.filter(**_given(chosen)), text), SORTS)
    listing.page.object_list = with_pages(request.user, listing.page.object_list)
    backends = backends_of(request.user).filter(**_given({**chosen, "kind": ""}))
    context = {
        "clusters": [{"status": cluster, "runs": last_runs(cluster.name)} for cluster in clusters],
        "failed": any(cluster.last_failed for cluster in clusters),
        "listing": listing,
        "q": text,
        **chosen,
        **_choices(visible),
        "backends": backends.order_by("ready", "cluster", "namespace", "name")[:BACKENDS_SHOWN],
        "backend_count": backends.count(),
        "can_sync": can(request.user, Permission.MANAGE_PORTAL),
    }
    template = "apis/sync.html#answer" if wants_part(request) else "apis/sync.html"
    return render(request, template, context)


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Ask for a full pass; the page follows it."""
    actions.start_full_sync(by=person(request))
    messages.success(
        request, gettext("A full sync was asked for. It shows here as soon as a worker has taken it.")
    )
    return redirect("apis:sync")


# What the problems can be narrowed by, besides words.
PLACES = ("cluster", "kind", "namespace")
OBJECT = (*PLACES, "object_name")


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()[:200]


def _given(chosen: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value}


def _choices(visible: SyncProblemQuerySet) -> dict[str, Any]:
    """How many problems there are, and where: what the filters offer."""
    groups = list(visible.order_by().values_list(*PLACES).annotate(Count("pk")))
    count = sum(group[-1] for group in groups)
    names, kinds, namespaces = ([group[at] for group in groups if group[at]] for at in range(3))
    return {
        "problem_count": count,
        "needs_text": ngettext("{count} problem needs you", "{count} problems need you", count).format(
            count=count
        ),
        "cluster_names": sorted({*names, *settings.CLUSTERS}) if len(settings.CLUSTERS) > 1 else [],
        "kinds": sorted(set(kinds)),
        "namespaces": sorted(set(namespaces))[:NAMESPACES_OFFERED],
    }


def problems_like(problems: SyncProblemQuerySet, text: str) -> SyncProblemQuerySet:
    """Problems with every word of `text` in object, field, message or origin."""
    for word in text.split()[:8]:
        problems = problems.filter(
            Q(object_name__icontains=word)
            | Q(namespace__icontains=word)
            | Q(field__icontains=word)
            | Q(message__icontains=word)
            | Q(origin__icontains=word)
        )
    return problems


def with_pages(user: Viewer, problems: Iterable[SyncProblem]) -> list[SyncProblem]:
    """The problems with `page_url`: where the catalog shows the version that their object is, "" if it does not."""
    rows = list(problems)
    asked = {f"{name}__in": {getattr(row, name) for row in rows} for name in OBJECT}
    versions = ApiVersion.objects.visible_to(user).filter(**asked)
    # Versions that are gone first, so that one that is there wins.
    found = {
        tuple(key): reverse("apis:source", args=[slug, version])
        for *key, slug, version in versions.order_by(
            F("withdrawn_at").desc(nulls_last=True), "pk"
        ).values_list(*OBJECT, "api__slug", "version")
    }
    for row in rows:
        row.page_url = found.get(tuple(getattr(row, name) for name in OBJECT), "")  # type: ignore[attr-defined]
    return rows


def backends_of(user: Viewer) -> QuerySet[Backend]:
    """What an Api may name as its upstream; for publishers that of their namespaces."""
    if user.is_authenticated and user.is_admin:
        return Backend.objects.all()
    return Backend.objects.filter(own_namespaces(user)) if user.is_authenticated else Backend.objects.none()


def last_runs(cluster: str) -> list[SyncRun]:
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    return list(SyncRun.objects.filter(cluster=cluster).annotate(took=took)[:RUNS_A_CLUSTER])
