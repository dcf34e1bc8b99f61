"""Receipts as people and programs read them: hops with their durations, evidence in words, and what comes next."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext

from portal.lazily import gettext_lazy as _

from .models import Receipt, ReceiptStatus
from .receipts import STUCK_AFTER

_NAMES = {
    "saved": _("Saved"),
    "compiled": _("Compiled"),
    "written": _("Written"),
    "accepted": _("Accepted by the gateway"),
    "probed": _("Probed"),
}
_DONE = {
    "saved": _("The change is stored, with its audit entry."),
    "compiled": _("What the gateway must enforce was worked out anew."),
    "written": _("The gateway’s files say so."),
    "accepted": _("Envoy’s own counters say that it took them."),
    "probed": _("Real calls through the gateway were answered as they must be."),
}
_RUNNING = {
    "compiled": _("Waiting for the gateway agent, usually a few milliseconds."),
    "written": _("Writing the gateway’s files."),
    "accepted": _("Waiting for Envoy to take them, usually a few milliseconds."),
    "probed": _("Calling the gateway."),
}


@dataclass(frozen=True, slots=True)
class Hop:
    """One line of a receipt. `took` is milliseconds since the hop before; `offset` and `share` are percent of the whole."""

    name: str
    status: str
    evidence: str
    raw: str
    at: dt.datetime | None
    took: float | None
    offset: float
    share: float


def hops_of(receipt: Receipt) -> list[Hop]:
    """All five, whether reached or not."""
    total = max(_ms(receipt.last_at - receipt.saved_at), 1.0)
    hops, before = [], receipt.saved_at
    for key in Receipt.HOPS:
        at = receipt.at(key)
        took = _ms(at - before) if at else None
        offset = 100 * _ms(before - receipt.saved_at) / total
        share = max(100 * took / total, 0.8) if took is not None else 0.0
        status, evidence = _state(receipt, key)
        raw = receipt.public_id if key == "saved" else receipt.evidence.get(key, "")
        name = _probed_name(receipt) if key == "probed" else _NAMES[key]
        hops.append(Hop(name, status, evidence, raw, at, took, round(min(offset, 99.2), 1), round(share, 1)))
        before = at or before
    return hops


def _state(receipt: Receipt, key: str) -> tuple[str, str]:
    if receipt.at(key):
        return "done", _DONE[key]
    if key != receipt.next_hop or receipt.status == ReceiptStatus.SUPERSEDED:
        return "waiting", ""
    if receipt.status == ReceiptStatus.STUCK:
        return "failed", receipt.problem
    return "running", receipt.problem or _RUNNING[key]


def _probed_name(receipt: Receipt) -> str:
    """What the probe saw, in two words."""
    answers = {probe["answered"].split(" ", 1)[0] for probe in receipt.probes}
    if not receipt.probed_at or not answers:
        return gettext("Probed")
    if "204" not in answers:
        return gettext("Probed: kept out")
    return (
        gettext("Probed: let through") if answers == {"204"} else gettext("Probed: let through and kept out")
    )


def state_word(receipt: Receipt) -> tuple[str, str]:
    """The status for a pill, and its words."""
    if receipt.status == ReceiptStatus.COMPLETE:
        return "enforced", gettext("Proven")
    if receipt.status == ReceiptStatus.STUCK:
        return "failed", gettext("Stuck: {hop}").format(
            hop=_NAMES[receipt.next_hop].lower()
        ) if receipt.next_hop else gettext("Stuck")
    if receipt.status == ReceiptStatus.SUPERSEDED:
        return "waiting", gettext("A later change took its place")
    if receipt.compiled_at is None and timezone.now() - receipt.saved_at > STUCK_AFTER:
        return "failed", gettext("The gateway agent does not run")
    return "running", gettext("On its way")


def total_ms(receipt: Receipt) -> float:
    """From saved to the last hop that is done."""
    return _ms(receipt.last_at - receipt.saved_at)


def _ms(span: dt.timedelta) -> float:
    return max(span.total_seconds() * 1000, 0.0)
