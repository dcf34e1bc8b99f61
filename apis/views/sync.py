"""How the catalog follows the clusters, and what could not be read."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from apis import actions, permissions
from apis.models import ApiVersion, Plan, SyncProblem, SyncRun, WatchState
from apis.querysets import SyncProblemQuerySet
from portal.accounts.models import Viewer
from portal.accounts.people import person
from portal.accounts.roles import Permission, can
from portal.htmx import wants_part
from portal.listing import page_of, pager

RUNS_A_CLUSTER = 5


@login_required
@require_safe
@vary_on_headers("HX-Request")
def sync(request: HttpRequest) -> HttpResponse:
    permissions.check_can_view_sync(request.user)
    visible = SyncProblem.objects.visible_to(request.user)
    text = request.GET.get("q", "").replace("\0", "").strip()[:200]
    kind = request.GET.get("kind", "")[:140]
    page = page_of(request, problems_like(visible, text, kind))
    runs = {name: last_runs(name) for name in settings.CLUSTERS}
    problem_count = visible.count()
    context = {
        "clusters": [{"name": name, "runs": rows} for name, rows in runs.items()],
        "last_run": max(
            (run for rows in runs.values() for run in rows), key=lambda run: run.started_at, default=None
        ),
        "watch": watch_of_all(),
        "needs_text": f"{problem_count} problem{'' if problem_count == 1 else 's'} need{'s' if problem_count == 1 else ''} you",
        "kinds": kinds_of(request.user, visible),
        "q": text,
        "kind": kind,
        "problem_count": problem_count,
        "can_sync": can(request.user, Permission.MANAGE_PORTAL),
        **pager(page),
    }
    template = "apis/sync.html#answer" if wants_part(request) else "apis/sync.html"
    return render(request, template, context)


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Ask for a full pass; the page follows it."""
    actions.start_full_sync(by=person(request))
    messages.success(request, "A full sync was asked for. It shows here as soon as a worker has taken it.")
    return redirect("apis:sync")


def problems_like(problems: SyncProblemQuerySet, text: str, kind: str = "") -> SyncProblemQuerySet:
    """Problems with every word of `text` in object, field or message, and of that kind."""
    if kind:
        problems = problems.filter(kind=kind)
    for word in text.split()[:8]:
        problems = problems.filter(
            Q(object_name__icontains=word)
            | Q(namespace__icontains=word)
            | Q(field__icontains=word)
            | Q(message__icontains=word)
            | Q(origin__icontains=word)
        )
    return problems


def last_runs(cluster: str) -> list[SyncRun]:
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    return list(SyncRun.objects.filter(cluster=cluster).annotate(took=took)[:RUNS_A_CLUSTER])


def watch_of_all() -> dict[str, Any]:
    """How the watches of all clusters stand together; kinds that a cluster does not serve do not count."""
    states = list(WatchState.objects.filter(installed=True))
    events = [(state.last_event_at, state.kind) for state in states if state.last_event_at]
    last_event_at, last_kind = max(events, default=(None, ""))
    return {
        "kinds": len(states),
        "connected": sum(state.connected_since is not None for state in states),
        "message": next((state.message for state in states if state.connected_since is None), "")[:120],
        "last_event_at": last_event_at,
        "last_kind": last_kind.rsplit("/", 1)[-1],
    }


def kinds_of(user: Viewer, problems: SyncProblemQuerySet) -> list[dict[str, Any]]:
    """Per kind: how many objects the catalog holds, how many of them are gone from the cluster, how many have problems."""
    versions = ApiVersion.objects.visible_to(user).order_by().values("cluster", "kind")
    plans = Plan.objects.order_by().values("cluster", "kind")
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for counted in (versions, plans):
        for row in counted.annotate(held=Count("pk"), gone=Count("pk", filter=Q(withdrawn_at__isnull=False))):
            rows[row["cluster"], row["kind"]] = {**row, "problems": 0}
    for problem in problems.order_by().values("cluster", "kind").annotate(n=Count("pk")):
        key = problem["cluster"], problem["kind"]
        rows.setdefault(key, {"cluster": key[0], "kind": key[1], "held": 0, "gone": 0})["problems"] = problem[
            "n"
        ]
    return [rows[key] for key in sorted(rows)]
