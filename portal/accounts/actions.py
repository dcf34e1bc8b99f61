"""Every write about people and teams."""

from contextlib import suppress

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.text import slugify
from django.utils.translation import gettext

from portal.errors import Conflict, Invalid, NotFound

from .audit import record
from .models import Membership, NamespaceGrant, Team, TeamRole, User
from .roles import Permission, check


@transaction.atomic
def welcome(*, user: User) -> Team:
    """Give a new person a team of their own, so that they can register an application at once."""
    team = Team.objects.create(
        slug=_free_slug(user.name or user.email.split("@")[0]), name=f"{user.name}, personal", personal=True
    )
    Membership.objects.create(team=team, user=user, role=TeamRole.OWNER)
    record("user_signed_up", user, by=user, team=team)
    return team


@transaction.atomic
def rename_user(*, user: User, name: str, by: User) -> User:
    """Raises Forbidden for anybody but the person and admins."""
    if by != user:
        check(by, Permission.MANAGE_PORTAL)
    if not name.strip():
        raise Invalid(gettext("A person needs a name."), field="name")
    user.name = name.strip()
    user.save(update_fields=["name"])
    record("user_renamed", user, by=by)
    return user


@transaction.atomic
def delete_user(*, user: User, by: User) -> None:
    """Delete a person's account. Their teams keep what they made, and the trail keeps their name.

    What they let programs and applications do ends: tokens, consents and sessions. Their personal team stays while it
    has applications, for an administrator to pass on.

    Raises:
        Forbidden: `by` is neither the person nor an admin.
        Conflict: a team, or the portal, would have nobody left to run it.
    """
    if by != user:
        check(by, Permission.MANAGE_PORTAL)
    if user.is_admin and not User.objects.filter(is_admin=True, is_active=True).exclude(pk=user.pk).exists():
        raise Conflict(
            gettext("The portal would have no administrator left."),
            remedy=gettext("Make somebody else one first."),
        )
    memberships = list(user.memberships.select_related("team").order_by("pk"))
    personal = [membership.team for membership in memberships if membership.team.personal]
    for membership in memberships:
        if not membership.team.personal:
            _leave(_locked(membership), by=by)
    record("user_deleted", user, by=by)
    user.delete()
    for team in personal:
        # With applications, deleted ones too, it cannot be deleted: the trail and receipts name them.
        with suppress(ProtectedError), transaction.atomic():
            team.delete()


@transaction.atomic
def create_team(*, name: str, by: User) -> Team:
    check(by, Permission.CREATE_TEAM)
    name = name.strip()
    if not name:
        raise Invalid(gettext("A team needs a name."), field="name")
    team = Team.objects.create(slug=_free_slug(name), name=name)
    Membership.objects.create(team=team, user=by, role=TeamRole.OWNER)
    by.roles_by_team = None
    record("team_created", team, by=by, team=team)
    return team


@transaction.atomic
def add_member(*, team: Team, email: str, role: str, by: User) -> Membership:
    """Raises Invalid where no account has that address, Conflict where the person is in the team already."""
    check(by, Permission.MANAGE_TEAM, team)
    role = _role(role)
    user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if user is None:
        raise Invalid(
            gettext("Nobody here has signed up as {strip}.").format(strip=email.strip()),
            remedy=gettext("Ask them to sign up first."),
            field="email",
        )
    membership, created = Membership.objects.get_or_create(team=team, user=user, defaults={"role": role})
    if not created:
        raise Conflict(
            gettext("{user} is in this team already.").format(user=user),
            remedy=gettext("Change their role in the list."),
        )
    record("member_added", team, by=by, team=team, member=user.public_id, role=role)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: User) -> Membership:
    membership = _locked(membership)
    check(by, Permission.MANAGE_TEAM, membership.team)
    role = _role(role)
    if role != TeamRole.OWNER:
        _check_not_last_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    record(
        "member_role_changed",
        membership.team,
        by=by,
        team=membership.team,
        member=membership.user.public_id,
        role=role,
    )
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: User) -> None:
    """Anybody may leave; an owner may remove others. Applications stay with the team."""
    membership = _locked(membership)
    if membership.user_id != by.pk:
        check(by, Permission.MANAGE_TEAM, membership.team)
    _leave(membership, by=by)


@transaction.atomic
def grant_namespace(
    *, cluster: str, namespace: str, team: Team, auto_publish: bool, by: User | None
) -> NamespaceGrant:
    """Say which team publishes from a namespace. `by=None` is Portico itself, seeding the demo."""
    if by is not None:
        check(by, Permission.MANAGE_PORTAL)
    grant, _ = NamespaceGrant.objects.update_or_create(
        cluster=cluster, namespace=namespace, defaults={"team": team, "auto_publish": auto_publish}
    )
    record(
        "namespace_granted",
        team,
        by=by,
        team=team,
        cluster=cluster,
        namespace=namespace,
        auto_publish=auto_publish,
    )
    return grant


@transaction.atomic
def revoke_namespace(*, grant: NamespaceGrant, by: User) -> None:
    check(by, Permission.MANAGE_PORTAL)
    record(
        "namespace_revoked",
        grant.team,
        by=by,
        team=grant.team,
        cluster=grant.cluster,
        namespace=grant.namespace,
    )
    grant.delete()


def _leave(membership: Membership, *, by: User) -> None:
    _check_not_last_owner(membership)
    membership.delete()
    record("member_removed", membership.team, by=by, team=membership.team, member=membership.user.public_id)


def _role(role: str) -> str:
    if role not in TeamRole.values:
        raise Invalid(
            gettext("There is no role {role!r}.").format(role=role),
            remedy=gettext("Use one of {names}.").format(names=", ".join(TeamRole.values)),
            field="role",
        )
    return role


def _locked(membership: Membership) -> Membership:
    """The membership, with its team locked, so that two owners cannot demote each other at once."""
    Team.objects.select_for_update().get(pk=membership.team_id)
    found = Membership.objects.select_related("team", "user").filter(pk=membership.pk).first()
    if found is None:
        raise NotFound(gettext("This person is no longer in the team."))
    return found


def _check_not_last_owner(membership: Membership) -> None:
    if membership.role != TeamRole.OWNER:
        return
    if not membership.team.memberships.filter(role=TeamRole.OWNER).exclude(pk=membership.pk).exists():
        raise Conflict(
            gettext("{team} would have no owner left.").format(team=membership.team),
            remedy=gettext("Make somebody else an owner first."),
        )


def _free_slug(text: str) -> str:
    base = slugify(text)[:55] or "team"
    taken = set(Team.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return (
        base
        if base not in taken
        else next(s for n in range(2, len(taken) + 3) if (s := f"{base}-{n}") not in taken)
    )
