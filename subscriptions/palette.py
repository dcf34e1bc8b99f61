"""Applications, and what concerns subscriptions."""

from collections.abc import Iterable

from django.db.models import Q

from portal import palette
from portal.accounts.models import Viewer
from portal.lazily import gettext_lazy as _
from portal.palette import Group, Hit, Place

from .models import Application


def connect() -> None:
    palette.offers(
        Place(_("Applications"), "subscriptions:applications", "app", "my apps subscriptions"),
        Place(_("Approvals"), "subscriptions:approvals", "ok", "requests waiting decide review"),
        Place(
            _("Register an application"), "subscriptions:register", "plus", "new create add app", action=True
        ),
    )
    palette.finds(find)


def find(user: Viewer, text: str) -> Iterable[Group]:
    """The person's applications by name, or by their id."""
    rows = Application.objects.visible_to(user).filter(Q(name__icontains=text) | Q(public_id=text))
    hits = [
        Hit(each.name, each.get_absolute_url(), each.team.name, "app")
        for each in rows.select_related("team")[: palette.SHOWN]
    ]
    yield Group(_("Applications"), hits)
