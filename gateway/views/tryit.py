"""Try an operation: one POST, which the portal sends on to the gateway, and the answer on the operation's page.

Without script the answer is the whole page; htmx gets its region, and static/tryit.js the region piece by piece.
"""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from apis.views.reference import documented_operation
from apis.views.versions import load
from portal.errors import Invalid

from ..tryit import completion
from ..tryit.attempt import Attempt
from ..tryit.outgoing import too_large
from ..tryit.uploads import BoundedUpload


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def attempt(request: HttpRequest, slug: str, version: str, operation: str) -> HttpResponseBase:
    """Only a POST sends anything; whoever comes back to the address by hand or after signing in sees the operation.

    Exempt from the check of the token only until the upload has its limit: `_attempt` checks it.
    """
    if request.method != "POST":
        return redirect("apis:operation", slug, version, operation)
    if int(request.META.get("CONTENT_LENGTH") or 0) > 4 * settings.TRY_BYTES:
        return _refuse(request, slug, version, operation, too_large())
    request.upload_handlers = [BoundedUpload(request)]
    try:
        return _attempt(request, slug, version, operation)
    except RequestDataTooBig:
        typed = Invalid(_("A body that is typed in may have 1 MB."), remedy=_("Send a larger one as a file."))
        return _refuse(request, slug, version, operation, typed)


@csrf_protect
@login_required
def _attempt(request: HttpRequest, slug: str, version: str, operation: str) -> HttpResponseBase:
    return Attempt(request, *documented_operation(request, slug, version, operation)).answer()


@login_required
def _refuse(request: HttpRequest, slug: str, version: str, operation: str, why: Invalid) -> HttpResponse:
    """Without reading what was sent; nothing was done."""
    made = Attempt(request, *documented_operation(request, slug, version, operation), read=False)
    return made.problem(why, status=413)


@require_safe
def words(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """What the GraphQL editor completes by."""
    shown = load(request, slug, version)
    if shown.document is None or not shown.document.format.startswith("graphql"):
        raise Http404
    return JsonResponse(
        completion.words_of(shown.document), headers={"Cache-Control": "private, max-age=300"}
    )
