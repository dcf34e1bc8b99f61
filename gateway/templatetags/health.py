"""What the last probe of a version saw, on the pages of lower apps."""

from collections.abc import Iterable, Mapping

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apis.models import Api
from gateway.models import VersionHealth
from portal.templatetags.portico import health, when

register = template.Library()


@register.simple_tag
def health_among(apis: Iterable[Api]) -> dict[int, VersionHealth]:
    """Primary key of the version that each of these shows -> what its last probe saw: one query for a page."""
    return VersionHealth.objects.in_bulk([api.current_version_id for api in apis])


@register.simple_tag
def live_health(found: Mapping[int, VersionHealth], version_pk: int) -> SafeString:
    """Whether it answers, and when that was seen."""
    seen = found.get(version_pk)
    if seen is None:
        return health("idle", _("Not probed"))
    return health(
        "ok" if seen.answering else "bad", _("Live") if seen.answering else _("Not answering"), when(seen.at)
    )
