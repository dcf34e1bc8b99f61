"""How an HTML write answers: htmx gets the fresh region, everybody else a redirect."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render


def respond(
    request: HttpRequest, *, template: str, context: dict[str, object], to: str, status: int = 200
) -> HttpResponse:
    """Render `template` (often a partial, `page.html#region`) for htmx; redirect a plain POST to the path `to`."""
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, template, context, status=status)
    return redirect(to)


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks, and a part of the page is enough."""
    return bool(getattr(request, "htmx", False))
