"""Who called what: a recorded call or a pasted one, as far as the asker may see it."""

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext

from apis.models import ApiType, ApiVersion, Operation
from gateway.models import FailedCall
from gateway.snapshot import Reason
from keymanager import keys, signing
from keymanager.models import Credential, CredentialKind
from portal.accounts.models import Viewer
from portal.errors import Invalid, NotFound
from subscriptions.models import Application

from .asked import Asked, is_whole_key

MAX_SEGMENTS = 60


@dataclass(slots=True)
class Subject:
    """What is known of the call; what is None was not said, or may not be seen by the asker."""

    environment: str = ""
    path: str = ""
    method: str = ""
    version: ApiVersion | None = None
    operation: Operation | None = None
    credential: Credential | None = None
    application: Application | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    # Something was sent to prove identity; where it proves nothing, why.
    proof: bool = False
    refused: Reason | None = None
    # There was a call, not only a credential.
    called: bool = False


def of_call(call: FailedCall) -> Subject:
    """Of a call that the gateway logged."""
    series = call.series
    operation = None
    if series.version:
        method, _, path = series.operation.partition(" ")
        operation = series.version.operations.filter(method=method, path=path).first()
    return Subject(
        environment=series.environment,
        path=call.path,
        method=call.method,
        version=series.version,
        operation=operation,
        credential=series.credential,
        application=series.application,
        proof=call.reason != Reason.NOT_AUTHENTICATED,
        called=True,
    )


def of_pasted(asked: Asked, by: Viewer) -> Subject:
    """Of what a person pasted. Raises NotFound where it proves an identity that is not theirs to ask about."""
    subject = Subject(method=asked.method, called=bool(asked.url))
    if asked.url:
        _locate(subject, asked.url, by)
    if asked.key:
        _identify_by_key(subject, asked.key, by)
    elif asked.token:
        _identify_by_token(subject, asked.token, by)
    elif asked.beginning:
        found = Credential.objects.filter(prefix=asked.beginning) | Credential.objects.filter(
            public_id=asked.beginning
        )
        _take(subject, found.visible_to(by).select_related("application__team").first())
    return subject


def _take(subject: Subject, credential: Credential | None) -> None:
    if credential is None:
        raise NotFound(
            gettext("No credential of your teams’ applications is like that."),
            remedy=gettext("Its owner, or the publisher of the API, can ask."),
        )
    subject.credential, subject.application, subject.proof = credential, credential.application, True
    subject.environment = subject.environment or credential.environment


def _identify_by_key(subject: Subject, key: str, by: Viewer) -> None:
    subject.proof = True
    found = Credential.objects.filter(key_hash=keys.key_hash(key)).select_related("application__team").first()
    if found is None or not is_whole_key(key):
        subject.refused = Reason.KEY_UNKNOWN
    else:
        _take(subject, Credential.objects.visible_to(by).filter(pk=found.pk).first())


def _identify_by_token(subject: Subject, token: str, by: Viewer) -> None:
    subject.proof = True
    try:
        subject.claims = signing.verify(token)
    except Invalid:
        subject.refused = Reason.TOKEN_INVALID
        return
    found = Credential.objects.filter(public_id=subject.claims.get("client_id", ""))
    _take(subject, found.visible_to(by).select_related("application__team").first())
    if subject.claims["exp"] <= time.time():
        subject.refused = Reason.TOKEN_EXPIRED


def _locate(subject: Subject, url: str, by: Viewer) -> None:
    """Which version and operation the address belongs to, among those that the asker may see."""
    try:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.netloc}"
    except ValueError as error:
        raise Invalid(
            gettext("That address is no URL."), remedy=gettext("Paste it whole."), field="ask"
        ) from error
    environments = [name for name, address in settings.GATEWAY_URLS.items() if address.rstrip("/") == where]
    if not environments:
        known = " and ".join(settings.GATEWAY_URLS.values())
        raise Invalid(
            gettext("That address is not of this portal’s gateway."),
            remedy=gettext("It answers at {known}.").format(known=known),
            field="ask",
        )
    subject.environment, subject.path = environments[0], parts.path[:2000]
    segments = subject.path.split("/")[: MAX_SEGMENTS + 1]
    bases = ["/".join(segments[:count]) for count in range(2, len(segments) + 1)]
    rows = ApiVersion.objects.visible_to(by).filter(base_path__in=bases, withdrawn_at__isnull=True)
    found = [row for row in rows.select_related("api__team") if subject.environment in row.upstreams]
    subject.version = max(found, key=lambda row: len(row.base_path), default=None)
    if subject.version is not None:
        subject.operation = _operation(
            subject.version, subject.method, subject.path.removeprefix(subject.version.base_path) or "/"
        )


def _operation(version: ApiVersion, method: str, path: str) -> Operation | None:
    """The one whose template the path fits; one without parameters before others, as the gateway has it."""
    rows = [row for row in version.operations.filter(method=method) if _fits(row.path, path)]
    return min(rows, key=lambda row: (row.path.count("{"), row.position), default=None)


def _fits(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        bool(two) if one.startswith("{") and one.endswith("}") else one == two
        for one, two in zip(wanted, given, strict=True)
    )


def has_operations(version: ApiVersion) -> bool:
    """Whether the gateway tells its operations apart by their paths."""
    return version.api.type == ApiType.REST and version.operations.exists()


def sends_token(credential: Credential) -> bool:
    return credential.kind != CredentialKind.API_KEY
