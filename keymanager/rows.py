"""A credential as a row of its application's page: plain values, so that its row is drawn once (portal.kept)."""

from datetime import datetime
from typing import NamedTuple

from django.utils.safestring import SafeString

from apis.models import Environment
from portal.templatetags.portico import when

from .models import Credential, CredentialKind


class Row(NamedTuple):
    """`pill`, `last_used` and `retires` are drawn: they say how long ago, or until, and so change by the minute."""

    address: str
    public_id: str
    kind: str
    kind_name: str
    name: str
    label: str
    apis: tuple[str, ...]
    ranges: tuple[str, ...]
    issuer: str
    environment: str
    created_at: datetime
    last_used: SafeString
    status: str
    retires: SafeString
    expires_at: datetime | None
    pill: SafeString
    usable: bool
    is_external: bool
    rotatable: bool


def row_of(credential: Credential, pill: SafeString) -> Row:
    """Of a credential with its issuer and the APIs that it is limited to.

    Its labels come from the choices: `get_kind_display` would translate every one of them for each row.
    """
    used, retires = credential.last_used_at, credential.retires_at
    return Row(
        address=credential.get_absolute_url(),
        public_id=credential.public_id,
        kind=credential.kind,
        kind_name=str(CredentialKind(credential.kind).label),
        name=credential.name,
        label=credential.label,
        apis=tuple(api.name for api in credential.allowed_apis.all()),
        ranges=tuple(map(str, credential.allowed_ranges)),
        issuer=credential.issuer.name if credential.issuer else "",
        environment=str(Environment(credential.environment).label),
        created_at=credential.created_at,
        last_used=when(used) if used else SafeString(""),
        status=credential.status,
        retires=when(retires) if credential.status == "retiring" else SafeString(""),
        expires_at=credential.expires_at,
        pill=pill,
        usable=credential.usable,
        is_external=credential.is_external,
        rotatable=credential.rotatable,
    )
