"""Usage, the gateway's state, and why a call was refused."""

import re
from collections.abc import Iterable

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from portal import palette
from portal.accounts.models import Viewer
from portal.lazily import gettext_lazy as _
from portal.palette import Group, Hit, Place

_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def connect() -> None:
    palette.offers(
        Place(_("Home"), "gateway:home", "app", "start mine my expiring quota changes"),
        Place(_("Usage"), "gateway:usage", "pulse", "calls quota statistics"),
        Place(_("Failed calls"), "gateway:failed-calls", "warn", "errors log requests"),
        Place(_("Status"), "gateway:status", "ok", "gateway promises health", seen=palette.anybody),
        Place(
            _("Find out why a request was refused"), "gateway:why", "search", "401 403 429 error", action=True
        ),
    )
    palette.finds(find)


def find(user: Viewer, text: str) -> Iterable[Group]:
    """A request id asks why that request was refused."""
    if user.is_authenticated and _REQUEST_ID.fullmatch(text.lower()):
        url = f"{reverse('gateway:why')}?{urlencode({'request': text})}"
        yield Group(
            _("Requests"), [Hit(gettext("Why was this request refused?"), url, text[:13] + "…", "search")]
        )
