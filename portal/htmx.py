"""Whether htmx asks: it gets the fresh region of a page, everybody else the page."""

from django.http import HttpRequest


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks, and a part of the page is enough."""
    return bool(getattr(request, "htmx", False))
