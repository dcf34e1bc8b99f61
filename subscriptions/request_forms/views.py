"""The editor of an API's request form, with what consumers will see beside it."""

import json

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_lazy as _
from django.views.decorators.http import require_http_methods

from apis.models import Api
from apis.permissions import check_can_publish
from portal.accounts.people import person
from portal.errors import Invalid
from portal.htmx import wants_part

from ..models import RequestForm
from .actions import set_request_form
from .forms import AnswersForm
from .questions import FORMATS, LARGEST, LONGEST_ANSWER, LONGEST_SCHEMA, MOST_QUESTIONS, read

# Where nothing is asked yet, something to change: each kind of question once.
EXAMPLE = {
    "type": "object",
    "properties": {
        "purpose": {
            "type": "string",
            "title": "What will you build?",
            "description": "Two sentences are enough.",
            "maxLength": 500,
        },
        "audience": {
            "type": "string",
            "title": "Who will use it?",
            "enum": ["Our own people", "Partners", "Everybody"],
        },
        "calls_a_day": {"type": "integer", "title": "Calls a day", "minimum": 1, "default": 1000},
        "start": {"type": "string", "title": "First day in production", "format": "date"},
        "on_call": {"type": "string", "title": "Whom we reach at night", "format": "email"},
        "terms": {"type": "boolean", "title": "We have read the terms of use", "const": True},
    },
    "required": ["purpose", "audience", "terms"],
}


class SchemaForm(forms.Form):
    schema = forms.CharField(
        label=_("Questions, as JSON Schema"),
        max_length=LONGEST_SCHEMA,
        widget=forms.Textarea(attrs={"rows": 28, "class": "m", "spellcheck": "false"}),
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def request_form(request: HttpRequest, slug: str) -> HttpResponse:
    """POST saves; with `?preview` it only shows, and with `?remove` nothing is asked any more."""
    api = get_object_or_404(Api.objects.visible_to(request.user).select_related("team"), slug=slug)
    check_can_publish(request.user, api)
    current = RequestForm.objects.current_of(api)
    if request.method == "POST" and "remove" in request.GET:
        set_request_form(api=api, schema="", by=person(request))
        messages.success(
            request, gettext("Whoever wants access to {api} is asked no questions any more.").format(api=api)
        )
        return redirect("subscriptions:request-form", slug=api.slug)
    text = current.schema if current else json.dumps(EXAMPLE, indent=2)
    form = SchemaForm(request.POST if request.method == "POST" else None, initial={"schema": text})
    preview = None
    if not form.is_bound or form.is_valid():
        try:
            preview = AnswersForm(
                questions=read(form.cleaned_data["schema"] if form.is_bound else text), prefix="preview"
            )
            if form.is_bound and "preview" not in request.GET:
                saved = set_request_form(api=api, schema=form.cleaned_data["schema"], by=person(request))
                messages.success(
                    request, gettext("Saved as form {number}.").format(number=saved.number if saved else "")
                )
                return redirect("subscriptions:request-form", slug=api.slug)
        except Invalid as error:
            form.add_error("schema", error.message)
    template = "subscriptions/request_form.html"
    return render(
        request,
        f"{template}#preview" if wants_part(request) else template,
        {
            "api": api,
            "form": form,
            "current": current,
            "preview": preview,
            "limits": {"questions": MOST_QUESTIONS, "answer": LONGEST_ANSWER, "number": LARGEST},
            "formats": FORMATS,
        },
        status=400 if form.errors and "preview" not in request.GET else 200,
    )
