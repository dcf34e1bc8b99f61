"""How receipts move along: the agent's part of writing them."""

import datetime as dt
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import models
from django.db.models import F, Value
from django.utils import timezone

from keymanager.models import Credential

from .models import Receipt, ReceiptStatus, Revision, VersionProblem
from .probe import Answer, Probe, probes_for, send
from .querysets import ReceiptQuerySet

logger = logging.getLogger(__name__)

# How often a probe is repeated that is not answered as it should be.
POLL_S = 0.05
STUCK_AFTER = dt.timedelta(seconds=10)
# How long a stuck receipt is looked at again with every reconcile.
_REVISITED_FOR = dt.timedelta(hours=1)
_BATCH = 500
_GLANCE_S = 0.02


def any_running() -> bool:
    return Receipt.objects.filter(status=ReceiptStatus.RUNNING).exists()


def waiting_ids(applications: Collection[str] | None = None) -> list[int]:
    """Receipts whose change the gateway has not taken yet; of the subscriptions and keys of these applications only."""
    rows = _open().filter(accepted_at__isnull=True)
    if applications is not None:
        theirs = models.Q(credential__application__public_id__in=applications, credential__issuer=None)
        rows = rows.filter(theirs | models.Q(subscription__application__public_id__in=applications))
    return list(rows.values_list("pk", flat=True))


def written_ids() -> list[int]:
    """Those of them whose files are written, so that only Envoy's word is missing."""
    return list(
        _open().filter(accepted_at__isnull=True, written_at__isnull=False).values_list("pk", flat=True)
    )


def await_accepted(credential: Credential, *, seconds: float) -> None:
    """Wait until the gateway has taken the newest change of a credential, at most so long."""
    running = Receipt.objects.about(credential).filter(status=ReceiptStatus.RUNNING, accepted_at__isnull=True)
    deadline = time.monotonic() + seconds
    while running.exists() and time.monotonic() < deadline:
        time.sleep(_GLANCE_S)


def _open() -> ReceiptQuerySet:
    lately = timezone.now() - _REVISITED_FOR
    return Receipt.objects.filter(
        models.Q(status=ReceiptStatus.RUNNING) | models.Q(status=ReceiptStatus.STUCK, saved_at__gt=lately)
    )


def mark(ids: Iterable[int], hop: str, evidence: str, *, revision: Revision | None = None) -> None:
    """Record that a hop is done, with its evidence, for all of `ids` that have not done it."""
    field = f"{hop}_at"
    rows = Receipt.objects.filter(pk__in=list(ids), **{f"{field}__isnull": True})
    changes: dict[str, Any] = {field: timezone.now(), "evidence": _merged(hop, evidence)}
    if revision is not None:
        changes["revision"] = revision
    rows.update(**changes)


def _merged(hop: str, evidence: str) -> models.Func:
    """The JSON column with one key more."""
    addition = Value({hop: evidence}, output_field=models.JSONField())
    return models.Func(F("evidence"), addition, template="(%(expressions)s)", arg_joiner=" || ")


def note_problem(ids: Iterable[int], problem: str) -> None:
    """Say why these do not get on. They are stuck when that has lasted too long."""
    rows = Receipt.objects.filter(pk__in=list(ids))
    rows.update(problem=problem)
    late = rows.filter(status=ReceiptStatus.RUNNING, compiled_at__lt=timezone.now() - STUCK_AFTER)
    late.update(status=ReceiptStatus.STUCK)


def probe_running(secret: str) -> None:
    """Probe every receipt whose change the gateway has taken, and end those answered as they should be."""
    rows = Receipt.objects.with_subjects().filter(status=ReceiptStatus.RUNNING, accepted_at__isnull=False)
    for receipt in rows.order_by("pk")[:_BATCH]:
        probe_one(receipt, secret)


def revisit_stuck(secret: str) -> None:
    """Try stuck receipts once more: what held them up may be over."""
    rows = _open().with_subjects().filter(status=ReceiptStatus.STUCK, accepted_at__isnull=False)
    for receipt in rows.order_by("pk")[:_BATCH]:
        probe_one(receipt, secret)


def probe_one(receipt: Receipt, secret: str) -> None:
    """Make the receipt's calls; save them when they are answered as they should be, or have not been for too long."""
    results = [(probe, send(probe, secret=secret)) for probe in probes_for(receipt)]
    now = timezone.now()
    wrong = [(probe, answer) for probe, answer in results if not answer.fits(probe)]
    held = _held(receipt) if wrong else None
    young = receipt.accepted_at is None or now - receipt.accepted_at < STUCK_AFTER
    if wrong and young and not held:
        return
    receipt.probes = [_as_json(probe, answer, now) for probe, answer in results]
    if wrong:
        receipt.status, receipt.problem = ReceiptStatus.STUCK, held or _why(*wrong[0])
    else:
        receipt.status, receipt.problem, receipt.probed_at = ReceiptStatus.COMPLETE, "", now
        receipt.evidence["probed"] = _probed_evidence(receipt.probes)
    changes = {
        name: getattr(receipt, name) for name in ("status", "probed_at", "problem", "probes", "evidence")
    }
    # Somebody may have superseded it meanwhile.
    Receipt.objects.filter(pk=receipt.pk, status__in=[ReceiptStatus.RUNNING, ReceiptStatus.STUCK]).update(
        **changes
    )


def _as_json(probe: Probe, answer: Answer, now: dt.datetime) -> dict[str, Any]:
    answered = f"{answer.status} {answer.reason}".strip() if answer.status else answer.reason
    return {
        "environment": probe.environment,
        "request": f"{probe.method} {probe.path}",
        "as": probe.who,
        "expected": probe.expected,
        "answered": answered,
        "request_id": answer.request_id,
        "at": now.isoformat(),
    }


def _probed_evidence(probes: list[dict[str, Any]]) -> str:
    if not probes:
        return "nothing to call: no API is served for it yet"
    return " · ".join(
        f"{probe['environment']} {probe['request']} → {probe['answered']} · {probe['request_id']}"
        for probe in probes
    )


def _held(receipt: Receipt) -> str | None:
    """Why a version is not served that the receipt needs, where it is held back: no waiting will help.

    The reason may name what only its publishers may know, so subscribers are not told.
    """
    problems = VersionProblem.objects.select_related("version__api")
    if receipt.version_id:
        problem = problems.filter(version=receipt.version_id).first()
        return f"The version is held back from the gateway. {problem.message}" if problem else None
    if receipt.subscription:
        problem = problems.filter(version__api=receipt.subscription.api_id).first()
        return (
            f"{problem.version} is held back from the gateway; its publishers see why." if problem else None
        )
    return None


def _why(probe: Probe, answer: Answer) -> str:
    answered = (
        f"answered {answer.status} {answer.reason}".strip() if answer.status else f"gave {answer.reason}"
    )
    return (
        f"{probe.method} {probe.path} in {probe.environment} with {probe.who} {answered}; "
        f"it should have answered {probe.expected}."
    )


def record_problems(problems: Mapping[int, str]) -> None:
    """Make the held-back versions' rows say what `problems` says."""
    VersionProblem.objects.exclude(version__in=problems).delete()
    known = dict(VersionProblem.objects.values_list("version_id", "message"))
    for version, message in problems.items():
        if known.get(version) != message:
            VersionProblem.objects.update_or_create(version_id=version, defaults={"message": message})
            logger.warning("version %s is held back: %s", version, message)
