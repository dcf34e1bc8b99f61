"""Who may do what to an API and its versions, and who may look at the cluster sync."""

from collections.abc import Hashable

from django.utils.translation import gettext as _

from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, can, check, publishes_with, teams_with
from portal.errors import Forbidden

from .models import Api


def sight(user: Viewer) -> Hashable:
    """All that `visible_to` and `seen_of` ask of a person: two of the same sight see the same of the catalog."""
    if not user.is_authenticated:
        return "nobody"
    return "admin" if user.is_admin else tuple(sorted(teams_with(user, Permission.VIEW_SOURCE)))


def check_can_publish(user: Viewer, api: Api) -> None:
    """Publish, reject, deprecate, block, retire. Raises Forbidden, naming who may."""
    check(user, Permission.PUBLISH, api.team)


def can_publish(user: Viewer, api: Api) -> bool:
    return can(user, Permission.PUBLISH, api.team)


def check_can_write_docs(user: Viewer, api: Api) -> None:
    check(user, Permission.WRITE_DOCS, api.team)


def can_write_docs(user: Viewer, api: Api) -> bool:
    """Write, change and delete the docs pages that are kept in the portal."""
    return can(user, Permission.WRITE_DOCS, api.team)


def can_view_source(user: Viewer, api: Api) -> bool:
    """The object an API was read from, its conditions and findings."""
    return can(user, Permission.VIEW_SOURCE, api.team)


def publishes(user: Viewer) -> bool:
    """Whether some team of theirs publishes from a namespace, or they run the portal."""
    if not user.is_authenticated:
        return False
    return user.is_admin or publishes_with(user, Permission.PUBLISH)


def can_view_sync(user: Viewer) -> bool:
    """An admin, and the teams that publish from a namespace."""
    if not user.is_authenticated:
        return False
    return user.is_admin or publishes_with(user, Permission.VIEW_SYNC)


def check_can_view_sync(user: Viewer) -> None:
    if not can_view_sync(user):
        raise Forbidden(
            _("You may not {view_sync}: none of your teams publishes from a namespace.").format(
                view_sync=Permission.VIEW_SYNC
            ),
            remedy=_("Ask an administrator of the portal to grant your team its namespace."),
        )


def check_can_sync(user: Viewer) -> None:
    """Start a full pass over the clusters."""
    check(user, Permission.MANAGE_PORTAL)
