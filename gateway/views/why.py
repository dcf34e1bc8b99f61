"""Why was I refused: a person asks about a call, and gets the link of the chain that refused it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from portal.accounts.people import person
from portal.errors import PorticoError

from ..forms import WhyForm
from ..why.answer import Answer, answer


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def why(request: HttpRequest) -> HttpResponse:
    """GET with `?request=` asks about a request id; what may hold a secret is posted, and not shown again."""
    request_id = request.GET.get("request", "")
    if request.method == "POST":
        form = WhyForm(request.POST)
    else:
        form = WhyForm({"ask": request_id}) if request_id else WhyForm()
    found = _answer(request, form) if form.is_bound else None
    response = render(
        request, "gateway/why.html", {"form": form if found is None else WhyForm(), "answer": found}
    )
    response["Cache-Control"] = "no-store"
    return response


def _answer(request: HttpRequest, form: WhyForm) -> Answer | None:
    if form.is_valid():
        try:
            return answer(form.cleaned_data["ask"], by=person(request))
        except PorticoError as refusal:
            form.add_error("ask", f"{refusal.message} {refusal.remedy}")
    form.forget()
    return None
