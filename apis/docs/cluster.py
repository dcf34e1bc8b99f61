"""The docs pages that objects bring, into the catalog."""

from collections.abc import Sequence

from apis.models import ApiVersion, DocsPage
from apis.sources import PublishedPage

FIELDS = ("slug", "title", "text", "origin")


def write(version: ApiVersion, pages: Sequence[PublishedPage]) -> None:
    """Make the version's pages those of its object; nothing is written where they are. In the caller's transaction."""
    wanted = [tuple(getattr(page, name) for name in FIELDS) for page in pages]
    rows = DocsPage.objects.filter(version=version)
    if list(rows.order_by("position").values_list(*FIELDS)) == wanted:
        return
    rows.delete()
    DocsPage.objects.bulk_create(
        DocsPage(
            api_id=version.api_id, version=version, position=place, **dict(zip(FIELDS, page, strict=True))
        )
        for place, page in enumerate(wanted)
    )
