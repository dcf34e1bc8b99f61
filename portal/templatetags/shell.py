"""What stands around every page."""

from django import template
from django.utils.safestring import SafeString

from portal.addresses import address

register = template.Library()

# Places of the main navigation: name, address, whether what lies below belongs to it, and what else does.
_PLACES: tuple[tuple[str, str, bool, tuple[str, ...]], ...] = (
    ("home", "gateway:home", False, ()),
    ("catalog", "apis:catalog", False, ("/apis/",)),
    (
        "applications",
        "subscriptions:applications",
        True,
        ("/subscriptions/", "/credentials/", "/receipts/", "/revoke-token/"),
    ),
    ("usage", "gateway:usage", True, ()),
    ("approvals", "subscriptions:approvals", True, ()),
    ("sync", "apis:sync", True, ("/publish/",)),
)


@register.simple_tag(takes_context=True)
def place(context: template.Context) -> str:
    """Where in the main navigation this page is: `catalog` itself, `in catalog` for what lies below; empty for none."""
    request = context.get("request")
    path = request.path if request else ""
    for name, target, below, also in _PLACES:
        at = address(target)
        if path == at:
            return name
        if (below and path.startswith(at)) or path.startswith(also or ("\0",)):
            return f"in {name}"
    return ""


@register.simple_tag
def here_is(place: str, name: str) -> SafeString:
    """`aria-current` for the link of that name, when this page is that place or below it."""
    if place == name:
        return SafeString(' aria-current="page"')
    return SafeString(' aria-current="true"' if place == f"in {name}" else "")
