"""The receipt of a change."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from portal.accounts.people import person
from portal.htmx import wants_part

from .. import actions
from ..models import Receipt
from ..templatetags.receipts import receipt_context


@login_required
def receipt(request: HttpRequest, public_id: str) -> HttpResponse:
    """A page, or for htmx the receipt alone, which stops asking when it has ended."""
    row = _visible(request, public_id)
    context = {**receipt_context(row), "subject_url": row.subject.get_absolute_url()}
    return render(
        request, "gateway/_receipt.html" if wants_part(request) else "gateway/receipt.html", context
    )


@login_required
@require_POST
def probe_again(request: HttpRequest, public_id: str) -> HttpResponse:
    again = actions.probe_again(receipt=_visible(request, public_id), by=person(request))
    if wants_part(request):
        return render(request, "gateway/_receipt.html", receipt_context(again))
    return redirect(again)


def _visible(request: HttpRequest, public_id: str) -> Receipt:
    return get_object_or_404(Receipt.objects.visible_to(person(request)).with_subjects(), public_id=public_id)
