"""Credentials, and what concerns them."""

from collections.abc import Iterable

from django.db.models import Q

from portal import palette
from portal.accounts.models import Viewer
from portal.lazily import gettext_lazy as _
from portal.palette import Group, Hit, Place

from .models import Credential


def connect() -> None:
    palette.offers(
        Place(_("All credentials"), "keymanager:credentials", "key", "api keys clients secrets inventory"),
        Place(_("Personal access tokens"), "keymanager:tokens", "key", "my pat"),
        Place(_("Apps that act for you"), "keymanager:consents", "shield", "consents grants"),
        Place(_("Signing keys"), "keymanager:signing-keys", "shield", "jwks", seen=palette.admin),
        Place(_("Outside issuers"), "keymanager:issuers", "shield", "oidc trust", seen=palette.admin),
        Place(_("Create a personal access token"), "keymanager:tokens", "plus", "new pat", action=True),
        Place(_("Revoke a token that leaked"), "keymanager:revoke-a-token", "bad", "stolen", action=True),
    )
    palette.finds(find)


def find(user: Viewer, text: str) -> Iterable[Group]:
    """The person's credentials by name or by their id. Not by a key: what is typed here stands in addresses."""
    rows = Credential.objects.visible_to(user).filter(Q(name__icontains=text) | Q(public_id=text))
    hits = [
        Hit(
            each.name or each.label, each.get_absolute_url(), f"{each.application.name} · {each.label}", "key"
        )
        for each in rows.select_related("application", "issuer")[: palette.SHOWN]
    ]
    yield Group(_("Credentials"), hits)
