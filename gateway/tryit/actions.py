"""The token of a try."""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apis.models import ApiVersion
from keymanager import signing, tokens
from keymanager.entitlements import entitlements_of
from keymanager.resources import narrowed
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.accounts.roles import Permission, check
from portal.errors import Conflict
from subscriptions.models import Application


@transaction.atomic
def mint_token(*, application: Application, version: ApiVersion, environment: str, by: User) -> str:
    """A token in the application's name that opens this API and nothing else, for five minutes (decision 0012).

    Raises:
        Forbidden: the person may not mint tokens of the application.
        Conflict: the application is not, or no longer, subscribed to the API.
    """
    check(by, Permission.MANAGE_CREDENTIALS, application.team)
    limited = narrowed(
        entitlements_of(application, environment), environment, [version.base_urls.get(environment, "")]
    )
    if limited is None:
        raise Conflict(
            _("{application} has no access to {api} in {environment}.").format(
                application=application, api=version.api, environment=environment
            ),
            remedy=_("Subscribe it first, or choose another application."),
        )
    text = tokens.mint(
        application=application,
        environment=environment,
        entitlements=limited,
        lifetime=settings.TRY_TOKEN_SECONDS,
    )
    claims = signing.verify(text)
    record(
        "token_minted",
        application,
        by=by,
        team=application.team,
        note=f"To try {version}.",
        jti=claims["jti"],
        scope=claims["scope"],
        lifetime=settings.TRY_TOKEN_SECONDS,
    )
    return text
