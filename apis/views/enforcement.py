"""What is enforced for a version, and the form that changes the object which says so. For publishers of the API."""

import hashlib
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apis import permissions
from apis.enforcement import actions, parts
from apis.enforcement.actions import Proposal
from apis.enforcement.forms import EnforcementForm
from apis.enforcement.parts import Change
from apis.enforcement.shown import CREDENTIALS, enforced, last_change
from apis.enforcement.where import place_of
from apis.views.versions import Shown, context_of, load
from portal.accounts.people import person
from portal.errors import Invalid, PorticoError
from portal.kube import get_cluster
from portal.kube.edits import put


def _load(request: HttpRequest, slug: str, version: str) -> Shown:
    """For publishers of the API, 404 for everybody else."""
    shown = load(request, slug, version)
    if not permissions.can_publish(request.user, shown.api):
        raise Http404
    return shown


@require_safe
def index(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    shown = _load(request, slug, version)
    held = enforced(shown.version)
    context = context_of(request, shown, "enforcement") | {
        "enforced": held,
        "credentials": [CREDENTIALS[name] for name in held["credentials"]],
        "place": place_of(shown.version),
        "last": last_change(shown.version),
    }
    return render(request, "apis/enforcement.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """GET shows what the object says now; POST shows the change, and makes it where exactly that was shown before."""
    shown = _load(request, slug, version)
    obj = actions.read(version=shown.version, by=person(request))
    form = EnforcementForm(
        request.POST or None,
        stated=parts.stated(obj),
        plans=actions.plan_names(obj),
        seen=obj.generation,
    )
    proposal = _proposed(request, shown, form) if request.method == "POST" and form.is_valid() else None
    writable = get_cluster(shown.version.cluster).edits
    if proposal and writable and _agreed(request, proposal):
        done = _change(request, shown, form, proposal)
        if done is not None:
            return done
    context = {
        "api": shown.api,
        "version": shown.version,
        "obj": obj,
        "form": form,
        "proposal": proposal,
        "before": _before(proposal.changes) if proposal else "",
        "previewed": _digest(proposal) if proposal else "",
        "writable": writable,
        "unticked": bool(proposal and proposal.held and "apply" in request.POST),
    }
    bad = form.is_bound and bool(form.errors)
    return render(request, "apis/enforcement_edit.html", context, status=400 if bad else 200)


def _proposed(request: HttpRequest, shown: Shown, form: EnforcementForm) -> Proposal | None:
    """What the form would change; None where the form now says what is wrong."""
    try:
        return actions.propose(
            version=shown.version, wish=form.wish(), by=person(request), seen=form.cleaned_data["seen"]
        )
    except Invalid as error:
        form.refuse(error)
    except PorticoError as error:
        form.add_error(None, f"{error.message} {error.remedy}")
    return None


def _agreed(request: HttpRequest, proposal: Proposal) -> bool:
    """Whether the person saw this very change and everything that it takes from others, and said yes to it."""
    ticked = set(request.POST.getlist("take_over"))
    return (
        "apply" in request.POST
        and request.POST.get("previewed") == _digest(proposal)
        and ticked >= {" ".join(held) for held in proposal.held}
    )


def _change(
    request: HttpRequest, shown: Shown, form: EnforcementForm, proposal: Proposal
) -> HttpResponse | None:
    try:
        obj = actions.change(
            version=shown.version,
            wish=form.wish(),
            by=person(request),
            seen=form.cleaned_data["seen"],
            take_over=frozenset(proposal.held),
        )
    except Invalid as error:
        form.refuse(error)
    except PorticoError as error:
        form.add_error(None, f"{error.message} {error.remedy}")
    else:
        messages.success(
            request,
            _("Applied to {object_path} as generation {generation}.").format(
                object_path=shown.version.object_path, generation=obj.generation
            ),
        )
        return redirect("apis:enforcement", shown.api.slug, shown.version.version)
    return None


def _digest(proposal: Proposal) -> str:
    return hashlib.sha256(f"{proposal.patch}{proposal.held}".encode()).hexdigest()[:20]


def _before(changes: tuple[Change, ...]) -> str:
    """The changed fields as the object has them now."""
    body: dict[str, Any] = {}
    for change in changes:
        if change.before is not None:
            put(body, change.path, change.before)
    return parts.text_of(body) if body else "# not stated"
