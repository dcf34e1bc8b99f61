"""Docs pages: read by everybody who sees the version, written by its publishers."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apis import permissions
from apis.docs import actions
from apis.docs.forms import DocsPageForm
from apis.docs.pages import Place, place_of
from apis.models import DocsPage
from apis.views.versions import Shown, context_of, load
from portal import markdown
from portal.accounts.people import person
from portal.errors import Conflict, Invalid


@require_safe
def index(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """The first page, at an address of its own; or that there is none."""
    shown = load(request, slug, version)
    if shown.docs:
        return redirect("apis:docs-page", slug, version, shown.docs[0].slug)
    return render(request, "apis/docs_empty.html", context_of(request, shown, "docs"))


@require_safe
def page(request: HttpRequest, slug: str, version: str, page: str) -> HttpResponse:
    shown = load(request, slug, version)
    place = _place(shown, page)
    context = context_of(request, shown, "docs") | {
        "place": place,
        "rendered": markdown.with_contents(place.page.text),
        "origin": _origin(request, shown, place.page),
    }
    return render(request, "apis/docs_page.html", context)


def _place(shown: Shown, slug: str) -> Place:
    place = place_of(shown.docs, slug)
    if place is None:
        raise Http404
    return place


def _origin(request: HttpRequest, shown: Shown, page: DocsPage) -> str:
    """Where the cluster has the page, for those who may know; "" for the portal's own."""
    if page.version_id is None or not permissions.can_view_source(request.user, shown.api):
        return ""
    return f"{page.origin} of {shown.version.object_path}" if page.origin.startswith("spec") else page.origin


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """A new page, for all versions of the API."""
    shown = load(request, slug, version)
    permissions.check_can_write_docs(request.user, shown.api)
    return _edit(request, shown, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str, version: str, page: str) -> HttpResponse:
    shown = load(request, slug, version)
    permissions.check_can_write_docs(request.user, shown.api)
    found = _place(shown, page).page
    if found.version_id is not None:
        raise Conflict(
            _("{found} comes from the cluster and is not changed here.").format(found=found),
            remedy=_("Change it there: {origin}.").format(origin=_origin(request, shown, found)),
        )
    return _edit(request, shown, found)


def _edit(request: HttpRequest, shown: Shown, page: DocsPage | None) -> HttpResponse:
    """The form, with a preview of what it holds where that is asked for."""
    own = [each for each in shown.docs if each.version_id is None]
    others = [each.title for each in own if page is None or each.pk != page.pk]
    if page is None:
        initial: dict[str, Any] = {"position": len(others) + 1}
    else:
        place = next(number for number, each in enumerate(own, 1) if each.pk == page.pk)
        initial = {"title": page.title, "text": page.text, "position": place, "seen": page.revision}
    form = DocsPageForm(request.POST or None, initial=initial, places=others)
    if request.method == "POST" and form.is_valid() and "preview" not in request.POST:
        saved = _save(request, shown, page, form)
        if saved is not None:
            messages.success(request, _("{saved} is saved.").format(saved=saved))
            return redirect("apis:docs-page", shown.api.slug, shown.version.version, saved.slug)
    context = {
        "api": shown.api,
        "version": shown.version,
        "page": page,
        "form": form,
        "preview": request.POST.get("text", "")[: actions.LONGEST_TEXT]
        if "preview" in request.POST
        else None,
    }
    bad = form.is_bound and bool(form.errors)
    return render(request, "apis/docs_edit.html", context, status=400 if bad else 200)


def _save(request: HttpRequest, shown: Shown, page: DocsPage | None, form: DocsPageForm) -> DocsPage | None:
    """What was saved; None where the form now says what is wrong, with everything that was typed."""
    said = dict(form.cleaned_data)
    seen = said.pop("seen")
    try:
        if page is None:
            return actions.write(api=shown.api, by=person(request), **said)
        return actions.change(page=page, by=person(request), seen=seen, **said)
    except Invalid as error:
        form.add_error(error.field if error.field in form.fields else None, f"{error.message} {error.remedy}")
    except Conflict as error:
        form.add_error(None, f"{error.message} {error.remedy}")
    return None


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, slug: str, version: str, page: str) -> HttpResponse:
    shown = load(request, slug, version)
    permissions.check_can_write_docs(request.user, shown.api)
    found = _place(shown, page).page
    if request.method == "POST":
        actions.delete(page=found, by=person(request))
        messages.success(request, _("{found} is deleted.").format(found=found))
        return redirect("apis:docs", slug, version)
    return render(
        request, "apis/docs_delete.html", {"api": shown.api, "version": shown.version, "page": found}
    )
