"""Every change of a docs page that is kept in the portal. HTML and REST call these.

Pages of an object are the cluster's: `apis.docs.cluster` writes them.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apis import catalog
from apis.models import Api, DocsPage
from apis.permissions import check_can_write_docs
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.errors import Conflict, Invalid

LONGEST_TITLE = 120
LONGEST_SLUG = 80
LONGEST_TEXT = 100_000
MOST_PAGES = 50


@transaction.atomic
def write(
    *, api: Api, title: str, text: str, by: User, slug: str = "", position: int | None = None
) -> DocsPage:
    """A new page; its slug comes of its title unless one is given. `position` counts from 1, None is the end.

    Raises:
        Invalid: a field is empty, too long or taken, or the API has as many pages as it may have.
    """
    api = _locked(api, by)
    title, text = _checked(title, text)
    slug = _slug(slug or title)
    pages = _pages(api)
    if len(pages) >= MOST_PAGES:
        raise Invalid(
            _("An API has at most {most_pages} docs pages.").format(most_pages=MOST_PAGES),
            remedy=_("Put some of them together."),
        )
    if any(page.slug == slug for page in pages):
        raise Invalid(
            _("There is a page {slug} already.").format(slug=slug),
            remedy=_("Choose another title or address."),
            field="title",
        )
    page = DocsPage(api=api, slug=slug, title=title, text=text, updated_by=by, position=len(pages))
    page.save()
    _put(page, [*pages, page], position)
    return _changed(page, "written", by)


@transaction.atomic
def change(*, page: DocsPage, by: User, seen: int | None = None, **said: Any) -> DocsPage:
    """Change `title`, `text` or `position`. `seen` is the revision that was read before.

    Raises:
        Conflict: somebody changed it since, or it is the cluster's.
        Invalid: a field is empty or too long.
    """
    page = _own(page, by)
    if seen is not None and seen != page.revision:
        raise Conflict(
            _("{updated_by} changed this page meanwhile.").format(
                updated_by=page.updated_by or _("Somebody")
            ),
            remedy=_("Copy what you wrote, reload, and put it in again."),
        )
    page.title, page.text = _checked(said.get("title", page.title), said.get("text", page.text))
    page.revision += 1
    page.updated_at, page.updated_by = timezone.now(), by
    page.save(update_fields=["title", "text", "revision", "updated_at", "updated_by"])
    if said.get("position") is not None:
        _put(page, _pages(page.api), said["position"])
    return _changed(page, "changed", by)


@transaction.atomic
def delete(*, page: DocsPage, by: User) -> None:
    """Raises Conflict where it is the cluster's."""
    page = _own(page, by)
    _changed(page, "deleted", by)
    page.delete()
    catalog.refresh(page.api)


def _locked(api: Api, by: User) -> Api:
    api = Api.objects.select_for_update(of=("self",)).select_related("team").get(pk=api.pk)
    check_can_write_docs(by, api)
    return api


def _own(page: DocsPage, by: User) -> DocsPage:
    """The page as it is now, its Api locked."""
    api = _locked(page.api, by)
    found = DocsPage.objects.select_related("updated_by", "version").filter(pk=page.pk).first()
    if found is None:
        raise Conflict(
            _("{page} was deleted meanwhile.").format(page=page), remedy=_("Write it as a new page.")
        )
    if found.version is not None:
        raise Conflict(
            _("This page comes from {object_path} in the cluster.").format(
                object_path=found.version.object_path
            ),
            remedy=_("Change it there: {origin}.").format(origin=found.origin),
        )
    found.api = api
    return found


def _pages(api: Api) -> list[DocsPage]:
    return list(DocsPage.objects.filter(api=api, version=None).defer("text"))


def _put(page: DocsPage, pages: list[DocsPage], position: int | None) -> None:
    """Number the pages anew, this one at its place."""
    others = [each for each in pages if each.pk != page.pk]
    place = len(others) if position is None else max(0, min(position - 1, len(others)))
    others.insert(place, page)
    for number, each in enumerate(others):
        each.position = number
    DocsPage.objects.bulk_update(others, ["position"])


def _changed(page: DocsPage, event: str, by: User) -> DocsPage:
    """Write the trail, and make the page found by its words."""
    record(f"docs_page_{event}", page, by=by, team=page.api.team, slug=page.slug, revision=page.revision)
    if event != "deleted":
        catalog.refresh(page.api)
    return page


def _checked(title: str, text: str) -> tuple[str, str]:
    title, text = " ".join(title.split()), text.replace("\r\n", "\n").strip()
    for name, value, most in (("title", title, LONGEST_TITLE), ("text", text, LONGEST_TEXT)):
        if not value:
            raise Invalid(_("The {name} is empty.").format(name=name), remedy=_("Write one."), field=name)
        if len(value) > most:
            raise Invalid(
                _("The {name} is longer than {most:,} characters.").format(name=name, most=most),
                remedy=_("Shorten it."),
                field=name,
            )
        if "\0" in value:
            raise Invalid(
                _("The {name} holds a NUL character.").format(name=name),
                remedy=_("Leave it out."),
                field=name,
            )
    return title, text


def _slug(wish: str) -> str:
    slug = slugify(wish)[:LONGEST_SLUG].strip("-_")
    # `new` is the address of the form for a new page.
    if not slug or slug == "new":
        raise Invalid(
            _("No address can be made of this title."), remedy=_("Use some letters or digits."), field="title"
        )
    return slug
