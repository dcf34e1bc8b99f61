"""What stands in the audit trail about people's grants, and how often what anybody can send without end does."""

from django.db import transaction

from keymanager.models import Credential
from portal.accounts import limits
from portal.accounts.audit import record
from portal.accounts.limits import Limit
from portal.accounts.models import User

_UNKNOWN_AN_HOUR = 20


def trail(event: str, credential: Credential, by: User | None, *, about: object = "", **data: str) -> None:
    """The audit row. A refusal is written once an hour for each reason and what it is `about`: nobody is kept from
    sending a code that never was, or an old one, without end."""
    if "reason" in data:
        noted = f"{event} {credential.public_id} {data['reason']} {about}"
        if not limits.first_this_hour(noted):
            return
    record(event, credential, by=by, team=credential.application.team, **data)


@transaction.atomic
def refuse(*, credential: Credential, by: User | None, reason: str, address: str = "") -> None:
    """Only the trail: a request that was answered with an error, or with no by the person (access_denied).

    An error is written once an hour for each client, reason and person: anybody may send as many as they like.
    """
    who = by.public_id if by else "nobody"
    noted = f"authorization_refused {credential.public_id} {reason} {who}"
    if reason == "access_denied" or limits.first_this_hour(noted):
        where = {} if by else {"address": address}
        record(
            "authorization_refused",
            credential,
            by=by,
            team=credential.application.team,
            reason=reason,
            **where,
        )


@transaction.atomic
def refuse_unknown(*, client_id: str, by: User | None, address: str) -> None:
    """The same for a client that there is not, or no longer: once an hour for each address, and only so many in all."""
    credential = None
    if "\0" not in client_id:
        credential = (
            Credential.objects.select_related("application__team").filter(public_id=client_id).first()
        )
    if credential is not None:
        refuse(credential=credential, by=by, reason="client_ended", address=address)
    elif limits.first_this_hour(f"authorization_refused {address}") and not _too_many_unknown():
        # No row of any team: what it claimed to be is all that there is to name.
        nobody = Credential(public_id=limits.word(client_id), name="unknown client")
        record("authorization_refused", nobody, by=by, reason="client_unknown", address=address)


def _too_many_unknown() -> bool:
    limit = Limit("noted authorization_refused unknown", _UNKNOWN_AN_HOUR, 3600)
    return limits.count(limit).tries > limit.tries
