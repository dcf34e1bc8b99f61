"""One's own account and teams; grants for admins; demo mode's mail."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from portal.lazily import gettext_lazy as _
from portal.listing import Sort, listing_of

from . import actions
from .forms import AccountForm, DeletePersonForm, GrantForm, MemberForm, TeamForm
from .models import Membership, NamespaceGrant, PortalMail, Team, TeamRole
from .people import people_deletable_by, person
from .roles import Permission, check, permissions_of

TEAM_SORTS = {
    "name": Sort(_("By name"), ("name", "pk")),
    "newest": Sort(_("Newest first"), ("-created_at", "pk")),
}
MAIL_SORTS = {"newest": Sort(_("Newest first"), ("-sent_at", "-pk"))}
GRANT_SORTS = {"namespace": Sort(_("By namespace"), ("cluster", "namespace", "pk"))}


@login_required
def account(request: HttpRequest) -> HttpResponse:
    form = AccountForm(request.POST or None, instance=person(request))
    if request.method == "POST" and form.is_valid():
        actions.rename_user(user=person(request), name=form.cleaned_data["name"], by=person(request))
        messages.success(request, gettext("Saved."))
        return redirect("accounts:account")
    return render(request, "accounts/account.html", {"form": form})


@login_required
def delete_person(request: HttpRequest, public_id: str) -> HttpResponse:
    """One's own account; an admin's page for anybody's."""
    by = person(request)
    row = get_object_or_404(people_deletable_by(by), public_id=public_id)
    form = DeletePersonForm(request.POST or None, person=row)
    if request.method == "POST" and form.is_valid():
        actions.delete_user(user=row, by=by)
        if row == by:
            logout(request)
        messages.success(request, gettext("The account is deleted. What it made stays with its teams."))
        return redirect("/" if row == by else "accounts:teams")
    context = {"form": form, "person": row, "memberships": row.memberships.select_related("team")}
    return render(request, "accounts/person_delete.html", context)


@login_required
def teams(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = actions.create_team(name=form.cleaned_data["name"], by=person(request))
        messages.success(request, gettext("{team} is there, and you are its owner.").format(team=team))
        return redirect("accounts:team", team.slug)
    query = request.GET.get("q", "").strip()
    rows = Team.objects.visible_to(request.user)
    if query:
        rows = rows.filter(name__icontains=query)
    # A subquery, so that the count is of all members and not of the joined one.
    rows = Team.objects.filter(pk__in=rows.values("pk")).annotate(people=Count("memberships"))
    context = {"listing": listing_of(request, rows, TEAM_SORTS), "form": form, "q": query}
    return render(request, "accounts/teams.html", context)


@login_required
def team(request: HttpRequest, slug: str) -> HttpResponse:
    row = _visible(request, slug)
    return render(request, "accounts/team.html", _team_context(request, row, MemberForm()))


@login_required
@require_POST
def add_member(request: HttpRequest, slug: str) -> HttpResponse:
    row = _visible(request, slug)
    form = MemberForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/team.html", _team_context(request, row, form), status=400)
    member = actions.add_member(team=row, **form.cleaned_data, by=person(request))
    messages.success(
        request, gettext("{user} is in {row} as {role}.").format(user=member.user, row=row, role=member.role)
    )
    return redirect("accounts:team", slug)


@login_required
@require_POST
def change_role(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    membership = _membership(request, slug, public_id)
    actions.change_role(membership=membership, role=request.POST.get("role", ""), by=person(request))
    return redirect("accounts:team", slug)


@login_required
@require_POST
def remove_member(request: HttpRequest, slug: str, public_id: str) -> HttpResponse:
    membership = _membership(request, slug, public_id)
    actions.remove_member(membership=membership, by=person(request))
    messages.success(
        request,
        gettext("{user} is no longer in {team}. Its applications stay with it.").format(
            user=membership.user, team=membership.team
        ),
    )
    return redirect("accounts:teams")


@login_required
def grants(request: HttpRequest) -> HttpResponse:
    """Which team publishes from which namespace: for admins."""
    check(request.user, Permission.MANAGE_PORTAL)
    form = GrantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        grant = actions.grant_namespace(**form.cleaned_data, by=person(request))
        messages.success(
            request,
            gettext("{team} publishes from {namespace}. The next sync applies it.").format(
                team=grant.team, namespace=grant.namespace
            ),
        )
        return redirect("accounts:grants")
    rows = NamespaceGrant.objects.select_related("team")
    context = {"listing": listing_of(request, rows, GRANT_SORTS), "form": form}
    return render(request, "accounts/grants.html", context)


@login_required
@require_POST
def revoke_grant(request: HttpRequest) -> HttpResponse:
    check(request.user, Permission.MANAGE_PORTAL)
    cluster, _, namespace = request.POST.get("grant", "").partition("/")
    grant = get_object_or_404(NamespaceGrant, cluster=cluster, namespace=namespace)
    actions.revoke_namespace(grant=grant, by=person(request))
    messages.success(
        request,
        gettext("Nobody publishes from {namespace} now. What is published stays until it is retired.").format(
            namespace=grant.namespace
        ),
    )
    return redirect("accounts:grants")


@login_required
def mail(request: HttpRequest) -> HttpResponse:
    """Demo mode only: every mail that would have been sent. Real mail is nobody else's to read."""
    if not settings.DEMO:
        raise Http404
    rows = PortalMail.objects.all()
    if not person(request).is_admin:
        rows = rows.filter(to__icontains=person(request).email)
    return render(request, "accounts/mail.html", {"listing": listing_of(request, rows, MAIL_SORTS)})


def _visible(request: HttpRequest, slug: str) -> Team:
    return get_object_or_404(Team.objects.visible_to(request.user), slug=slug)


def _membership(request: HttpRequest, slug: str, public_id: str) -> Membership:
    return get_object_or_404(
        _visible(request, slug).memberships.select_related("team", "user"), user__public_id=public_id
    )


def _team_context(request: HttpRequest, row: Team, form: MemberForm) -> dict[str, Any]:
    return {
        "team": row,
        "form": form,
        "members": row.memberships.select_related("user").order_by("user__name"),
        "roles": TeamRole.choices,
        "grants": row.namespace_grants.order_by("cluster", "namespace"),
        "may_manage": Permission.MANAGE_TEAM in permissions_of(request.user, row),
    }
