"""What the last probe of a version saw, for its third pillar."""

from datetime import UTC, datetime

from apis.models import ApiVersion
from apis.states import NOT_PROBED, Pillar

from .models import Receipt, ReceiptStatus, VersionHealth


def pillar_of(version: ApiVersion, *, source: bool) -> Pillar:
    """From the version's newest receipt, and what the sweep saw since. `source`: the reader may see why something is stuck."""
    seen = VersionHealth.objects.filter(version=version).first()
    receipt = Receipt.objects.about(version).first()
    if receipt is None:
        return _swept(seen) if seen else NOT_PROBED
    if receipt.status == ReceiptStatus.STUCK:
        why = receipt.problem if source else "Its publishers see why."
        return Pillar("Live probe", "pulse", "bad", "Stuck", "The gateway does not do it yet", why)
    if receipt.status == ReceiptStatus.RUNNING:
        since = f"since {receipt.saved_at:%H:%M:%S} UTC"
        return Pillar(
            "Live probe", "pulse", "info", "On its way", "A change is on its way to the gateway", since
        )
    if not receipt.probes:
        return _swept(seen) if seen else NOT_PROBED
    places = " and ".join(dict.fromkeys(probe["environment"] for probe in receipt.probes))
    probe = receipt.probes[-1]
    at = datetime.fromisoformat(probe["at"]).astimezone(UTC)
    if seen and seen.at > at:
        if not seen.answering:
            return _swept(seen)
        at = seen.at
    evidence = f"{probe['request']} → {probe['answered']}, as it should · {at:%-d %b %H:%M:%S} UTC"
    return Pillar("Live probe", "pulse", "ok", "Proven", f"Enforced in {places}", evidence)


def _swept(seen: VersionHealth) -> Pillar:
    at = f"{seen.at:%-d %b %H:%M:%S} UTC"
    if seen.answering:
        return Pillar("Live probe", "pulse", "ok", "Live", "Answered as it must be", at)
    return Pillar("Live probe", "pulse", "bad", "Not answering", "Not answered as it must be", at)
