"""A publisher's decisions: one confirm page for all of them, and the list of what waits."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from apis import actions, permissions
from apis.models import ApiVersion, Publication
from apis.querysets import ApiVersionQuerySet
from apis.steps import STEPS, Step
from portal.accounts.people import person
from portal.errors import Conflict, Forbidden, Invalid
from portal.listing import page_of, pager


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, slug: str, version: str, step: str) -> HttpResponse:
    """GET asks, POST does it. Where the status no longer allows it, that is said before anything is filled in."""
    found = get_object_or_404(
        ApiVersion.objects.visible_to(request.user).select_related("api__team"),
        api__slug=slug,
        version=version,
    )
    permissions.check_can_publish(request.user, found.api)
    wanted = STEPS[step]
    form = wanted.form(request.POST if request.method == "POST" else None, version=found)
    if request.method != "POST":
        _check_possible(found, wanted)
    elif form.is_valid():
        try:
            wanted.action(version=found, by=person(request), **form.cleaned_data)
        except Invalid as error:
            form.add_error(
                error.field if error.field in form.fields else None, f"{error.message} {error.remedy}"
            )
        else:
            messages.success(request, f"{found} {wanted.done}.")
            return redirect(found.get_absolute_url())
    status = 400 if form.is_bound else 200
    others = ApiVersion.objects.served().filter(api=found.api).exclude(pk=found.pk)
    context = {
        "api": found.api,
        "version": found,
        "step": wanted,
        "form": form,
        "others_served": list(others.values_list("version", flat=True)),
    }
    return render(request, "apis/decide.html", context, status=status)


def _check_possible(version: ApiVersion, step: Step) -> None:
    if version.status not in step.statuses:
        raise Conflict(
            gettext("{version} is {status}: there is nothing to {name} now.").format(
                version=version, status=version.status, name=step.name
            ),
            remedy=gettext("Somebody may have decided meanwhile; its page shows what is possible."),
        )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def waiting(request: HttpRequest) -> HttpResponse:
    """Discovered versions that wait for this person; POST publishes the ticked ones."""
    if not permissions.publishes(request.user):
        raise Forbidden(
            gettext("You may not publish: none of your teams has a namespace."),
            remedy=gettext("Ask an administrator of the portal to grant your team its namespace."),
        )
    versions = (
        ApiVersion.objects.publishable_by(request.user)
        .filter(status=Publication.DISCOVERED, withdrawn_at__isnull=True)
        .select_related("api__team")
        .order_by("discovered_at", "id")
    )
    if request.method == "POST":
        return _publish_ticked(request, versions)
    return render(request, "apis/waiting.html", pager(page_of(request, versions)))


def _publish_ticked(request: HttpRequest, versions: ApiVersionQuerySet) -> HttpResponse:
    wanted = Q(pk__in=[])
    for name in request.POST.getlist("version")[:100]:
        slug, _, version = name.partition("/")
        wanted |= Q(api__slug=slug, version=version)
    published, conflicts = actions.publish_all(versions=versions.filter(wanted), by=person(request))
    if published:
        messages.success(
            request,
            gettext("{published} published: {names}.").format(
                published=len(published), names=", ".join(str(version) for version in published[:5])
            ),
        )
    for conflict in conflicts[:5]:
        messages.error(request, f"{conflict.message} {conflict.remedy}")
    if not published and not conflicts:
        messages.error(request, gettext("Nothing was published: tick the versions first."))
    return redirect("apis:waiting")
