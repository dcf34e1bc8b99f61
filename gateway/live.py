"""What the last probe of a version saw, for its third pillar."""

from datetime import UTC, datetime

from apis.models import ApiVersion
from apis.states import NOT_PROBED, Pillar

from .models import Receipt, ReceiptStatus


def pillar_of(version: ApiVersion, *, source: bool) -> Pillar:
    """From the version's newest receipt. `source`: the reader may see why something is stuck."""
    receipt = Receipt.objects.about(version).first()
    if receipt is None:
        return NOT_PROBED
    if receipt.status == ReceiptStatus.STUCK:
        why = receipt.problem if source else "Its publishers see why."
        return Pillar("Live probe", "pulse", "bad", "Stuck", "The gateway does not do it yet", why)
    if receipt.status == ReceiptStatus.RUNNING:
        since = f"since {receipt.saved_at:%H:%M:%S} UTC"
        return Pillar(
            "Live probe", "pulse", "info", "On its way", "A change is on its way to the gateway", since
        )
    if not receipt.probes:
        return NOT_PROBED
    places = " and ".join(dict.fromkeys(probe["environment"] for probe in receipt.probes))
    probe = receipt.probes[-1]
    at = datetime.fromisoformat(probe["at"]).astimezone(UTC)
    evidence = f"{probe['request']} → {probe['answered']}, as it should · {at:%-d %b %H:%M:%S} UTC"
    return Pillar("Live probe", "pulse", "ok", "Proven", f"Enforced in {places}", evidence)
