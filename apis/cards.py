"""An API as a card of the catalog shows it: plain values, so that its card is drawn once (portal.kept)."""

from datetime import date, datetime
from typing import NamedTuple

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from portal.templatetags.portico import ago

from .evidence import Evidence, Marks
from .models import Api, ApiType

MOST_PLANS = 3


class Card(NamedTuple):
    """`marked_…` have the words of a search in `mark` elements. `changed_at` and `changed_ago` since the last visit."""

    pk: int
    version_pk: int
    address: str
    name: str
    marked_name: SafeString
    marked_summary: SafeString
    marked_team: SafeString
    type: str
    version: str
    status: str
    withdrawn: bool
    sunset_on: date | None
    plans: tuple[str, ...]
    is_new: bool
    changed_at: datetime | None
    changed_ago: str
    why: tuple[str, SafeString] | None


def card_of(api: Api, last_visit: datetime, marks: Marks | None, found: Evidence | None) -> Card:
    """`marks` are those of the search that found it, `found` what the card itself does not show of its words."""
    version = api.current_version
    marked = marks.marked if marks else conditional_escape
    first: datetime | None = getattr(api, "first_published_at", None)
    is_new = first is not None and first > last_visit
    changed_at = api.updated_at if api.updated_at > last_visit and not is_new else None
    plans = [plan.name for plan in version.plans.all() if not plan.withdrawn_at] if version else []
    return Card(
        pk=api.pk,
        version_pk=version.pk if version else 0,
        address=api.get_absolute_url(),
        name=api.name,
        marked_name=marked(api.name),
        marked_summary=marked(api.summary),
        marked_team=marked(api.team.name) if api.team else SafeString(""),
        type=str(ApiType(api.type).label),
        version=version.version if version else "",
        status=version.status if version else "",
        withdrawn=bool(version and version.withdrawn_at),
        sunset_on=version.sunset_on if version else None,
        plans=tuple(plans[:MOST_PLANS]),
        is_new=is_new,
        changed_at=changed_at,
        changed_ago=ago(changed_at) if changed_at else "",
        why=(found.label, found.text) if found else None,
    )
