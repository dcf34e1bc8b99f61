"""The docs pages of a version as readers see them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from apis.models import ApiVersion, DocsPage


@dataclass(frozen=True, slots=True)
class Place:
    """One page among its neighbours."""

    page: DocsPage
    before: DocsPage | None
    after: DocsPage | None


def pages_of(version: ApiVersion) -> list[DocsPage]:
    """The pages without their texts, in order: those of the version's object, then those written in the portal.

    A page of the object takes the place of the portal's with the same slug. One query.
    """
    rows = DocsPage.objects.filter(Q(version=version) | Q(version=None), api=version.api_id)
    found = sorted(rows.defer("text"), key=lambda page: (page.version_id is None, page.position, page.pk))
    first: dict[str, DocsPage] = {}
    for page in found:
        page.api = version.api
        first.setdefault(page.slug, page)
    return list(first.values())


def place_of(pages: Sequence[DocsPage], slug: str) -> Place | None:
    """The page with that slug and its neighbours, None where there is none."""
    for number, page in enumerate(pages):
        if page.slug == slug:
            before = pages[number - 1] if number else None
            after = pages[number + 1] if number + 1 < len(pages) else None
            return Place(page, before, after)
    return None
