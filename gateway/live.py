"""What the last probe of a version saw, for its third pillar."""

from datetime import UTC, datetime

from django.utils import dateformat
from django.utils.translation import gettext as _

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
        why = receipt.problem if source else _("Its publishers see why.")
        return Pillar(_("Live probe"), "pulse", "bad", _("Stuck"), _("The gateway does not do it yet"), why)
    if receipt.status == ReceiptStatus.RUNNING:
        since = _("since {saved_at:%H:%M:%S} UTC").format(saved_at=receipt.saved_at)
        return Pillar(
            _("Live probe"),
            "pulse",
            "info",
            _("On its way"),
            _("A change is on its way to the gateway"),
            since,
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
    evidence = _("{request} → {status}, as it should · {at} UTC").format(
        request=probe["request"], status=probe["answered"], at=dateformat.format(at, "j M H:i:s")
    )
    return Pillar(
        _("Live probe"), "pulse", "ok", _("Proven"), _("Enforced in {places}").format(places=places), evidence
    )


def _swept(seen: VersionHealth) -> Pillar:
    at = f"{dateformat.format(seen.at, 'j M H:i:s')} UTC"
    if seen.answering:
        return Pillar(_("Live probe"), "pulse", "ok", _("Live"), _("Answered as it must be"), at)
    return Pillar(_("Live probe"), "pulse", "bad", _("Not answering"), _("Not answered as it must be"), at)
