"""Who may do what. A role is a class that lists permissions; nobody's role is stored, it follows from memberships.

Consumer roles come from the team that owns an application, publisher roles from the team that owns an API (through
its NamespaceGrant), and `User.is_admin` gives the admin role everywhere.
"""

from enum import StrEnum

from django.db import connection
from django.utils.translation import gettext as _, gettext_noop

from portal.errors import Forbidden
from portal.lazily import gettext_lazy

from .models import Membership, NamespaceGrant, Team, TeamRole, User, Viewer


class Permission(StrEnum):
    """One thing a person may do. The text completes "You may not …" in a refusal."""

    # any signed-in person
    CREATE_TEAM = gettext_noop("create a team")
    # on a team
    VIEW_TEAM = gettext_noop("see this team")
    MANAGE_TEAM = gettext_noop("change this team's people")
    # on an application, through its team
    VIEW_APPLICATION = gettext_noop("see this team's applications")
    EDIT_APPLICATION = gettext_noop("register or change an application")
    DELETE_APPLICATION = gettext_noop("delete an application")
    SUBSCRIBE = gettext_noop("subscribe, change plan or cancel")
    MANAGE_CREDENTIALS = gettext_noop("issue, rotate or revoke credentials")
    # on an API, through its team
    VIEW_SOURCE = gettext_noop("see where this API comes from")
    PUBLISH = gettext_noop("publish, reject, deprecate, block or retire this API")
    WRITE_DOCS = gettext_noop("write docs of this API")
    REVIEW = gettext_noop("decide subscription requests for this API")
    SUSPEND = gettext_noop("suspend or resume subscriptions to this API")
    # on the portal
    VIEW_SYNC = gettext_noop("see the cluster sync")
    MANAGE_PORTAL = gettext_noop("administer the portal")


class Role:
    """A named set of permissions."""

    permissions: frozenset[Permission] = frozenset()


class Consumer(Role):
    """Any signed-in person."""

    permissions = frozenset({Permission.CREATE_TEAM})


class Member(Role):
    """Member of the team: sees, and reviews requests for the team's APIs."""

    permissions = frozenset(
        {
            Permission.VIEW_TEAM,
            Permission.VIEW_APPLICATION,
            Permission.VIEW_SOURCE,
            Permission.VIEW_SYNC,
            Permission.REVIEW,
        }
    )


class Maintainer(Role):
    """Runs the team's applications and publishes its APIs."""

    permissions = Member.permissions | {
        Permission.EDIT_APPLICATION,
        Permission.SUBSCRIBE,
        Permission.MANAGE_CREDENTIALS,
        Permission.PUBLISH,
        Permission.WRITE_DOCS,
        Permission.SUSPEND,
    }


class Owner(Role):
    """Also decides who is in the team, and deletes."""

    permissions = Maintainer.permissions | {Permission.MANAGE_TEAM, Permission.DELETE_APPLICATION}


class Admin(Role):
    """Runs the portal."""

    permissions = frozenset(Permission)


# Each page begins with it: a statement of our own, for writing it down takes the ORM longer than answering it takes.
_MEMBERSHIPS = f"""
    SELECT membership.team_id, membership.role, EXISTS (
        SELECT 1 FROM {NamespaceGrant._meta.db_table} held WHERE held.team_id = membership.team_id
    )
    FROM {Membership._meta.db_table} membership WHERE membership.user_id = %s
"""  # noqa: S608  our own names
TEAM_ROLES: dict[TeamRole, type[Role]] = {
    TeamRole.OWNER: Owner,
    TeamRole.MAINTAINER: Maintainer,
    TeamRole.MEMBER: Member,
}


def permissions_of(user: Viewer, team: Team | None = None) -> frozenset[Permission]:
    """What the person may do, in general or to what `team` owns. Memberships are read once per person object."""
    if not user.is_authenticated:
        return frozenset()
    if user.is_admin:
        return Admin.permissions
    role = _roles(user).get(team.pk) if team else None
    return Consumer.permissions | (TEAM_ROLES[TeamRole(role)].permissions if role else frozenset())


def teams_with(user: Viewer, permission: Permission) -> list[int]:
    """Primary keys of the teams in which the person's membership gives `permission`. Admins: see `permissions_of`."""
    if not user.is_authenticated:
        return []
    return [
        team for team, role in _roles(user).items() if permission in TEAM_ROLES[TeamRole(role)].permissions
    ]


def can(user: Viewer, permission: Permission, team: Team | None = None) -> bool:
    return permission in permissions_of(user, team)


def check(user: Viewer, permission: Permission, team: Team | None = None) -> None:
    """Raises Forbidden, saying what is not allowed and who may."""
    if can(user, permission, team):
        return
    remedy = _("Ask {who} of {team}.") if team else _("Ask {who}.")
    raise Forbidden(
        _("You may not {permission}.").format(permission=_(permission)),
        remedy=remedy.format(who=who_has(permission), team=team),
    )


_WHO = {
    TeamRole.OWNER: gettext_lazy("an owner"),
    TeamRole.MAINTAINER: gettext_lazy("a maintainer"),
    TeamRole.MEMBER: gettext_lazy("a member"),
}


def who_has(permission: Permission) -> str:
    """The least role of a team that gives the permission, as words."""
    for role in (TeamRole.MEMBER, TeamRole.MAINTAINER, TeamRole.OWNER):
        if permission in TEAM_ROLES[role].permissions:
            return _WHO[role]
    return _("an administrator of the portal")


def publishes_with(user: Viewer, permission: Permission) -> bool:
    """Whether some team in which the person has `permission` publishes from a namespace. Admins: see `permissions_of`."""
    return any(team in user.granted_teams for team in teams_with(user, permission))  # type: ignore[union-attr]


def _roles(user: User) -> dict[int, str]:
    if user.roles_by_team is None:
        with connection.cursor() as cursor:
            cursor.execute(_MEMBERSHIPS, [user.pk])
            rows = cursor.fetchall()
        user.roles_by_team = {team: role for team, role, _ in rows}
        user.granted_teams = frozenset(team for team, _, granted in rows if granted)
    return user.roles_by_team
