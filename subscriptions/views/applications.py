"""Applications of one's teams."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Case, Count, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

from portal.accounts.models import AuditEvent, TeamRole
from portal.accounts.people import person
from portal.accounts.roles import TEAM_ROLES, Permission, Role, permissions_of
from portal.htmx import wants_part
from portal.lazily import gettext_lazy as _
from portal.listing import Sort, listing_of, page_of, pager

from .. import actions
from ..forms import ApplicationForm, DeleteForm, NewApplicationForm, TransferForm
from ..models import Application, Subscription

_RANK = Case(When(role=TeamRole.OWNER, then=0), When(role=TeamRole.MAINTAINER, then=1), default=2)
_ABOUT_APPLICATIONS = (
    Permission.VIEW_APPLICATION,
    Permission.SUBSCRIBE,
    Permission.MANAGE_CREDENTIALS,
    Permission.EDIT_APPLICATION,
    Permission.DELETE_APPLICATION,
)
SORTS = {
    "name": Sort(_("By name"), ("name", "pk")),
    "newest": Sort(_("Newest first"), ("-created_at", "pk")),
    "subscriptions": Sort(_("Most subscriptions first"), ("-live_subscriptions", "pk")),
}


@login_required
def applications(request: HttpRequest) -> HttpResponse:
    visible = Application.objects.visible_to(request.user)
    rows = visible.select_related("team").annotate(
        live_subscriptions=Count("subscriptions", filter=Q(subscriptions__status__in=Subscription.LIVE))
    )
    query, team = request.GET.get("q", "").strip(), request.GET.get("team", "")
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(public_id=query))
    if team:
        rows = rows.filter(team__slug=team)
    teams = visible.order_by("team__name").values_list("team__slug", "team__name").distinct()
    context = {"listing": listing_of(request, rows, SORTS), "q": query, "team": team, "teams": teams}
    template = "subscriptions/applications.html"
    return render(request, f"{template}#results" if wants_part(request) else template, context)


@login_required
def register(request: HttpRequest) -> HttpResponse:
    form = NewApplicationForm(request.POST or None, user=person(request))
    if request.method == "POST" and form.is_valid():
        application = actions.register_application(**form.cleaned_data, by=person(request))
        messages.success(
            request,
            gettext("{name} is registered. Next: subscribe it to an API.").format(name=application.name),
        )
        return redirect(application)
    return render(request, "subscriptions/application_new.html", {"form": form})


@login_required
def application(request: HttpRequest, public_id: str) -> HttpResponse:
    return render(request, "subscriptions/application.html", _context(request, public_id))


@login_required
def team(request: HttpRequest, public_id: str) -> HttpResponse:
    """Who may do what with it."""
    context = _context(request, public_id)
    people = context["application"].team.memberships.select_related("user")
    shown = page_of(request, people.order_by(_RANK, "user__name", "pk"))
    roles = [(label, _may(TEAM_ROLES[TeamRole(value)])) for value, label in TeamRole.choices]
    return render(request, "subscriptions/application_team.html", {**context, "roles": roles, **pager(shown)})


@login_required
def activity(request: HttpRequest, public_id: str) -> HttpResponse:
    """What was done to the application, its subscriptions and its credentials."""
    context = _context(request, public_id)
    shown = page_of(request, _activity(context["application"]))
    return render(request, "subscriptions/application_activity.html", {**context, **pager(shown)})


@login_required
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    form = ApplicationForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.update_application(application=row, **form.cleaned_data, by=person(request))
        messages.success(request, gettext("Saved."))
        return redirect(row)
    context = {"form": form, "application": row, "permissions": permissions_of(request.user, row.team)}
    return render(request, "subscriptions/application_edit.html", context)


@login_required
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    form = DeleteForm(request.POST or None, application=row)
    if request.method == "POST" and form.is_valid():
        actions.delete_application(application=row, by=person(request))
        messages.success(
            request,
            gettext("{name} is deleted. Its subscriptions are cancelled and its credentials refused.").format(
                name=row.name
            ),
        )
        return redirect("subscriptions:applications")
    context = {
        "form": form,
        "application": row,
        "subscriptions": row.subscriptions.live().select_related("api"),
        "may": Permission.DELETE_APPLICATION in permissions_of(request.user, row.team),
    }
    return render(request, "subscriptions/application_delete.html", context)


@login_required
def transfer(request: HttpRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    form = TransferForm(request.POST or None, application=row, user=person(request))
    if request.method == "POST" and form.is_valid():
        team = form.cleaned_data["team"]
        row = actions.transfer_application(application=row, team=team, by=person(request))
        messages.success(
            request,
            gettext("{name} belongs to {team} now, with all its credentials.").format(
                name=row.name, team=team.name
            ),
        )
        mine = Application.objects.visible_to(request.user).filter(pk=row.pk).exists()
        return redirect(row) if mine else redirect("subscriptions:applications")
    context = {
        "form": form,
        "application": row,
        "may": Permission.DELETE_APPLICATION in permissions_of(request.user, row.team),
    }
    return render(request, "subscriptions/application_transfer.html", context)


def _visible(request: HttpRequest, public_id: str) -> Application:
    return get_object_or_404(
        Application.objects.visible_to(request.user).select_related("team"), public_id=public_id
    )


def _context(request: HttpRequest, public_id: str) -> dict[str, Any]:
    """What the head of each of its pages shows."""
    row = _visible(request, public_id)
    return {"application": row, "people": row.team.memberships.exclude(role=TeamRole.MEMBER).count()}


def _may(role: type[Role]) -> list[Permission]:
    """What a role may do with its team's applications, in the order of the permissions."""
    return [permission for permission in _ABOUT_APPLICATIONS if permission in role.permissions]


def _activity(row: Application) -> QuerySet[AuditEvent]:
    """What was done to the application, its subscriptions and its credentials, newest first."""
    ids = [
        row.public_id,
        *row.subscriptions.values_list("public_id", flat=True),
        *row.credentials.values_list("public_id", flat=True),
    ]
    # Their types are named for the index, which begins with the type.
    types = [model._meta.label for model in (Application, Subscription, row.credentials.model)]
    return AuditEvent.objects.filter(target_type__in=types, target_id__in=ids).order_by("-at", "-id")
