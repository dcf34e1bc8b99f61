"""What changed in an API: each definition that a version took, and one version against another."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apis import changelog
from apis.changelog import Entry
from apis.definitions.diff import Level
from apis.models import Api, ApiVersion, Comparison
from apis.views.versions import Shown, context_of, load
from portal.htmx import wants_part
from portal.listing import page_of, pager

ENTRIES_A_PAGE = 10
CHANGES_A_PAGE = 50
IN_FEED = 30


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Each definition that the version took, with what it changed, the latest first."""
    shown = load(request, slug, version)
    page = page_of(request, changelog.entries_of(shown.version), size=ENTRIES_A_PAGE)
    page.object_list = [changelog.entry_of(row) for row in page.object_list]
    context = context_of(request, shown, "changelog") | {
        **pager(page),
        "waiting": any(entry.state == "waiting" for entry in page.object_list),
        "first": shown.version.documents.order_by("created_at", "pk").defer("text").first(),
        "others": [other for other in shown.versions if other.pk != shown.version.pk and other.document_id],
    }
    template = "apis/changelog.html"
    return render(request, f"{template}#entries" if wants_part(request) else template, context)


@require_safe
@vary_on_headers("HX-Request")
def change(request: HttpRequest, slug: str, version: str, change: str) -> HttpResponse:
    """Everything that one definition of the version changed."""
    shown = load(request, slug, version)
    rows = Comparison.objects.filter(version=shown.version, took_at__isnull=False)
    row = get_object_or_404(rows, public_id=change)
    return _changes(request, shown, changelog.entry_of(row))


@require_safe
@vary_on_headers("HX-Request")
def since(request: HttpRequest, slug: str, version: str, since: str) -> HttpResponse:
    """Everything that is different in this version from another one, as both are now."""
    shown = load(request, slug, version)
    other = next((each for each in shown.versions if each.version == since), None)
    if other is None or other.pk == shown.version.pk:
        raise Http404
    row = changelog.between(other, shown.version)
    return _changes(request, shown, changelog.entry_of(row) if row else None, other)


def _changes(
    request: HttpRequest, shown: Shown, entry: Entry | None, other: ApiVersion | None = None
) -> HttpResponse:
    level = request.GET.get("level", "")
    changes = list(entry.changes) if entry else []
    counts = counts_of(entry) if entry else []
    if level in dict(counts):
        changes = [each for each in changes if each["level"] == level]
    context: dict[str, Any] = context_of(request, shown, "changelog") | {
        "entry": entry,
        "other": other,
        "level": level,
        "levels": counts,
        **pager(page_of(request, changes, size=CHANGES_A_PAGE)),
    }
    template = "apis/changes.html"
    return render(request, f"{template}#changes" if wants_part(request) else template, context)


@require_safe
def feed(request: HttpRequest, slug: str) -> HttpResponse:
    """The changelog of all versions of an API that this person may see, for feed readers (RFC 4287)."""
    api = get_object_or_404(Api.objects.visible_to(request.user), slug=slug)
    versions = ApiVersion.objects.visible_to(request.user).filter(api=api)
    rows = Comparison.objects.filter(version__in=versions, took_at__isnull=False)
    found = (
        changelog.with_first(rows).select_related("version__api", "old", "new").order_by("-took_at", "-id")
    )
    address = settings.PORTAL_URL + reverse("apis:api", args=[slug])
    atom = Atom1Feed(title=_("{name}: changes").format(name=api.name), link=address, description="")
    for entry in map(changelog.entry_of, found[:IN_FEED]):
        row = entry.comparison
        atom.add_item(
            title=f"{row.version}: {summary_of(entry)}",
            link=settings.PORTAL_URL + row.get_absolute_url(),
            description="\n".join(f"{each['level']}: {each['message']}" for each in entry.changes),
            unique_id=f"urn:portico:{row.public_id}",
            updateddate=row.took_at,
            pubdate=row.took_at,
        )
    return HttpResponse(atom.writeString("utf-8"), content_type=Atom1Feed.content_type)


def summary_of(entry: Entry) -> str:
    """`2 breaking, 1 safe`, or why that cannot be said."""
    if entry.state != "compared":
        return _("being compared") if entry.state == "waiting" else _("could not be compared")
    return ", ".join(f"{n} {level}" for level, n in counts_of(entry)) or _("nothing that callers notice")


def counts_of(entry: Entry) -> list[tuple[str, int]]:
    """How many changes there are of each level that there is, the worst first."""
    counts = [(level.value, getattr(entry.comparison, level)) for level in Level]
    return [(level, count) for level, count in counts if count]
