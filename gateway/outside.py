"""Outside issuers and their clients, from the database to what a Snapshot says of them."""

import json
from collections import defaultdict
from collections.abc import Mapping

from apis.models import Environment
from keymanager.models import Credential, CredentialKind, TrustedIssuer

from .snapshot import KeyIdentity, OutsideIssuer


def issuers() -> dict[str, tuple[OutsideIssuer, ...]]:
    """Environment -> the issuers that are trusted there, with the clients that applications have added. Two queries."""
    rows = list(TrustedIssuer.objects.in_force().order_by("pk"))
    clients = _clients() if rows else {}
    return {
        environment: tuple(
            _issuer(row, clients.get((environment, row.pk), {}))
            for row in rows
            if environment in row.environments
        )
        for environment in Environment.values
    }


def _issuer(row: TrustedIssuer, clients: Mapping[str, KeyIdentity]) -> OutsideIssuer:
    return OutsideIssuer(
        url=row.url,
        jwks=json.dumps({"keys": row.keys}, sort_keys=True),
        audiences=tuple(row.audiences),
        client_claim=row.client_claim,
        clients=clients,
    )


def _clients() -> dict[tuple[str, int | None], dict[str, KeyIdentity]]:
    """(environment, issuer row) -> client id -> whose it is."""
    found: dict[tuple[str, int | None], dict[str, KeyIdentity]] = defaultdict(dict)
    rows = Credential.objects.usable().filter(kind=CredentialKind.EXTERNAL_CLIENT).order_by("pk")
    fields = ("environment", "issuer_id", "external_id", "public_id", "application__public_id")
    for environment, issuer, client, credential, application in rows.values_list(*fields).iterator(
        chunk_size=10000
    ):
        found[environment, issuer][client] = KeyIdentity(credential, application)
    return found
