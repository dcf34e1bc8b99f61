from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def show_once(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """A page with a secret: the answer to the POST that made it, kept by no cache, no history and no session."""
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response
