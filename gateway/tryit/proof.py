"""With what a try proves who calls: a token minted for it, a key that was typed in, or nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext as _

from apis.first_call import auth_choices
from apis.models import ApiVersion
from apis.reference.calls import KEY, TOKEN
from portal.accounts.models import User, Viewer
from portal.accounts.roles import Permission, teams_with
from portal.errors import Invalid
from subscriptions.models import Application, Subscription

from . import actions

MOST_APPLICATIONS = 50
# What a header can hold in one word: an API key, or a token of an issuer that the gateway trusts.
_WORD = re.compile(r"[\x21-\x7e]{1,8192}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SHOWN = 13


@dataclass(frozen=True, slots=True)
class Proof:
    """`headers` go to the gateway; `masked` and `copied` stand in the call as it is shown and as it is copied."""

    headers: list[tuple[str, str]] = field(default_factory=list, repr=False)
    masked: list[tuple[str, str]] = field(default_factory=list)
    copied: list[tuple[str, str]] = field(default_factory=list, repr=False)
    application: Application | None = None
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def granted(version: ApiVersion, by: Viewer) -> list[Subscription]:
    """The subscriptions under which this person may have tokens for the API. One query."""
    rows = Subscription.objects.filter(
        api=version.api,
        status__in=Subscription.ENFORCED,
        application__deleted_at__isnull=True,
        application__team__in=teams_with(by, Permission.MANAGE_CREDENTIALS),
    ).exclude(expires_at__lte=timezone.now())
    return list(
        rows.select_related("application__team", "plan").order_by("application__name")[:MOST_APPLICATIONS]
    )


def choices(version: ApiVersion, subscriptions: list[Subscription]) -> dict[str, str]:
    """What can be chosen, value -> label, the likeliest first."""
    offered = auth_choices(version)
    minted = {
        row.application.public_id: _("{application}: a five-minute token ({plan})").format(
            application=row.application.name, plan=row.plan.name
        )
        for row in subscriptions
        if "token" in offered
    }
    typed = {"key": _("An API key or token of mine")} if offered.keys() & {"key", "token"} else {}
    nothing = _("No credential") if "none" in offered else _("No credential (expect 401)")
    return {**minted, **typed, "none": nothing}


def proof_of(version: ApiVersion, environment: str, given: Mapping[str, str], by: User) -> Proof:
    """The credential that the form asks for. Raises Invalid, and what `actions.mint_token` raises."""
    chosen = given.get("credential", "none")
    if chosen == "none":
        return Proof()
    if chosen == "key":
        return _typed(given.get("key", "").strip(), version)
    row = next((row for row in granted(version, by) if row.application.public_id == chosen), None)
    if row is None:
        raise Invalid(
            _("That application has no access to this API."), remedy=_("Choose another."), field="credential"
        )
    token = actions.mint_token(application=row.application, version=version, environment=environment, by=by)
    return _bearer(token, row.application)


def _typed(text: str, version: ApiVersion) -> Proof:
    text = re.sub(r"(?i)^(authorization:\s*)?bearer\s+|^x-api-key:\s*", "", text)
    if not text:
        raise Invalid(
            _("Paste the key."),
            remedy=_(
                "It is used for this call alone, and not kept. A lost key cannot be shown again; create another."
            ),
            field="key",
        )
    if not _WORD.fullmatch(text):
        raise Invalid(
            _("That is no key: it has spaces or signs in it."), remedy=_("Copy it whole."), field="key"
        )
    if _TOKEN.fullmatch(text):
        return _bearer(text, None)
    headers = [("X-API-Key", text)]
    # The page never has it: the browser puts it where KEY stands, as with the snippets.
    return Proof(headers, [("X-API-Key", KEY)], [("X-API-Key", KEY)], key=text)


def _bearer(token: str, application: Application | None) -> Proof:
    headers = [("Authorization", f"Bearer {token}")]
    masked = [("Authorization", f"Bearer {token[:_SHOWN]}••••")]
    copied = headers if application else [("Authorization", f"Bearer {TOKEN}")]
    return Proof(headers, masked, copied, application, token=token)
