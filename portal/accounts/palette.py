"""People's own places, and their teams."""

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse

from portal import palette
from portal.lazily import gettext_lazy as _
from portal.palette import Group, Hit, Place

from .models import Team, Viewer


def connect() -> None:
    palette.offers(
        Place(_("Teams"), "accounts:teams", "team", "members people"),
        Place(_("Account"), "accounts:account", "user", "profile password settings"),
        Place(_("Namespace grants"), "accounts:grants", "cube", "cluster admin", seen=palette.admin),
        Place(_("Sign in"), "account_login", "user", "log login", seen=palette.signed_out, action=True),
        Place(_("Sign out"), icon="out", words="log off logout leave", action=True, form="sign-out"),
        Place(
            _("Switch between light and dark"),
            icon="sun",
            words="change theme colours mode",
            seen=palette.anybody,
            action=True,
        ),
        Place(
            _("Keyboard shortcuts"),
            "find",
            "info",
            "help keys",
            seen=palette.anybody,
            action=True,
            dialog="shortcuts",
            fragment="#keys",
        ),
        Place(_("API of this portal"), "rest-docs", "cube", "rest swagger docs", seen=palette.anybody),
    )
    if settings.DEMO:
        palette.offers(Place(_("Demo mail"), "accounts:mail", "mail", "inbox"))
    palette.finds(find)


def find(user: Viewer, text: str) -> Iterable[Group]:
    """The person's teams by name; a deleted or foreign one is not there."""
    teams = Team.objects.visible_to(user).filter(name__icontains=text)[: palette.SHOWN]
    hits = [Hit(team.name, reverse("accounts:team", args=[team.slug]), icon="team") for team in teams]
    yield Group(_("Teams"), hits)
