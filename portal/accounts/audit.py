"""The audit trail: `record` is called by every action, inside its transaction."""

from django.db import models, transaction

from .models import AuditEvent, Team, User

SYSTEM = "system"


def record(
    event: str,
    target: models.Model,
    *,
    by: User | None,
    team: Team | None = None,
    note: str = "",
    **data: object,
) -> AuditEvent:
    """Write one row about `target`, which has a `public_id`. `by=None` is Portico itself. `data` holds no secret.

    Raises:
        TransactionManagementError: there is no transaction to share with the change.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            f"{event} must be recorded in the transaction of its change"
        )
    return AuditEvent.objects.create(
        event=event,
        by=by,
        by_name=str(by) if by else SYSTEM,
        team=team,
        target_type=target._meta.label,
        target_id=target.public_id,  # type: ignore[attr-defined]
        target_name=str(target)[:254],
        note=note,
        data=data,
    )
