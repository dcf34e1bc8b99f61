"""Receipts as people and programs read them: hops with their durations, evidence in words, and what comes next."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from .models import Receipt, ReceiptStatus
from .receipts import STUCK_AFTER

_NAMES = {
    "saved": "Saved",
    "compiled": "Compiled",
    "written": "Written",
    "accepted": "Accepted by the gateway",
    "probed": "Probed",
}
_DONE = {
    "saved": "The change is stored, with its audit entry.",
    "compiled": "What the gateway must enforce was worked out anew.",
    "written": "The gateway’s files say so.",
    "accepted": "Envoy’s own counters say that it took them.",
    "probed": "Real calls through the gateway were answered as they must be.",
}
_RUNNING = {
    "compiled": "Waiting for the gateway agent, usually a few milliseconds.",
    "written": "Writing the gateway’s files.",
    "accepted": "Waiting for Envoy to take them, usually a few milliseconds.",
    "probed": "Calling the gateway.",
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
        return "Probed"
    if "204" not in answers:
        return "Probed: kept out"
    return "Probed: let through" if answers == {"204"} else "Probed: let through and kept out"


def state_word(receipt: Receipt) -> tuple[str, str]:
    """The status for a pill, and its words."""
    if receipt.status == ReceiptStatus.COMPLETE:
        return "enforced", "Proven"
    if receipt.status == ReceiptStatus.STUCK:
        return "failed", f"Stuck: {_NAMES[receipt.next_hop].lower()}" if receipt.next_hop else "Stuck"
    if receipt.status == ReceiptStatus.SUPERSEDED:
        return "waiting", "A later change took its place"
    if receipt.compiled_at is None and timezone.now() - receipt.saved_at > STUCK_AFTER:
        return "failed", "The gateway agent does not run"
    return "running", "On its way"


def total_ms(receipt: Receipt) -> float:
    """From saved to the last hop that is done."""
    return _ms(receipt.last_at - receipt.saved_at)


def _ms(span: dt.timedelta) -> float:
    return max(span.total_seconds() * 1000, 0.0)
