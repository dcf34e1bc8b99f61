"""The rows of new credentials: fields checked, a secret made. Actions decide who may, and tell about it."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from oauth2_provider.models import AbstractApplication, Application as OAuthApplication

from apis.models import Api, Environment
from portal.accounts.models import User
from portal.errors import Conflict, Invalid
from subscriptions.models import Application, Subscription

from . import keys
from .models import Credential, CredentialKind
from .oauth.redirects import checked as checked_redirect_uris

LIVE_CREDENTIALS_MAX = 50


def draft(
    *,
    application: Application,
    environment: str,
    name: str,
    by: User,
    expires_at: datetime | None,
    replaces: Credential | None = None,
) -> Credential:
    """A credential that is not saved yet.

    Raises:
        Invalid: no such environment, an expiry in the past, a bad name.
        Conflict: the application has LIVE_CREDENTIALS_MAX.
    """
    if environment not in Environment.values:
        raise Invalid(
            _("There is no environment {environment!r}.").format(environment=environment),
            remedy=_("Use production or sandbox."),
            field="environment",
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(
            _("It would have expired already."), remedy=_("Give a time to come."), field="expires_at"
        )
    if application.credentials.live().count() >= LIVE_CREDENTIALS_MAX:
        raise Conflict(
            _("{application} has {live_credentials_max} credentials already.").format(
                application=application, live_credentials_max=LIVE_CREDENTIALS_MAX
            ),
            remedy=_("Revoke one that you no longer use."),
        )
    return Credential(
        application=application,
        environment=environment,
        name=checked_name(name),
        created_by=by,
        expires_at=expires_at,
        replaces=replaces,
    )


def save_as_client(credential: Credential, *, redirect_uris: Iterable[str] = (), public: bool = False) -> str:
    """Write the draft as an OAuth client, like the one that it replaces; answers its secret, "" for a public one."""
    if credential.replaces is not None and credential.replaces.oauth_application is not None:
        before = credential.replaces.oauth_application
        redirect_uris = before.redirect_uris.split()
        public = before.client_type == AbstractApplication.CLIENT_PUBLIC
    # A public client gets one too, which nobody ever learns: an empty secret could be guessed.
    secret = keys.new_client_secret()
    credential.kind = CredentialKind.OAUTH_CLIENT
    credential.oauth_application = OAuthApplication.objects.create(
        client_id=credential.public_id,
        client_secret=secret,  # hashed by the field before it is written
        client_type=AbstractApplication.CLIENT_PUBLIC if public else AbstractApplication.CLIENT_CONFIDENTIAL,
        authorization_grant_type=AbstractApplication.GRANT_CLIENT_CREDENTIALS,
        redirect_uris=" ".join(checked_redirect_uris(redirect_uris)),
        name=f"{credential.application.public_id} {credential.environment}",
    )
    credential.save()
    return "" if public else secret


def save_as_key(credential: Credential, *, apis: Iterable[Api], ranges: Iterable[str]) -> str:
    """Write the draft as an API key, good for these APIs from these networks; answers its text."""
    key = keys.new_api_key(credential.environment)
    credential.kind = CredentialKind.API_KEY
    credential.prefix, credential.key_hash = keys.prefix_of(key), keys.key_hash(key)
    credential.allowed_ranges = list(ranges)
    credential.save()
    credential.allowed_apis.set(apis)
    return key


def subscribed_apis(application: Application, slugs: Iterable[str]) -> list[Api]:
    """The APIs of these slugs. Raises Invalid for one without a live subscription of the application."""
    wanted = set(slugs)
    live = Subscription.objects.filter(application=application, status__in=Subscription.LIVE)
    found = list(Api.objects.filter(slug__in=wanted, pk__in=live.values("api")))
    if missing := sorted(wanted - {api.slug for api in found}):
        raise Invalid(
            _("{application} is not subscribed to {missing}.").format(
                application=application, missing=missing[0][:120]
            ),
            remedy=_("A key opens APIs of the application's own subscriptions."),
            field="allowed_apis",
        )
    return found


def checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise Invalid(_("A name has 1 to 120 characters."), field="name")
    return name
