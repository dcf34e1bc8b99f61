"""Marks what a search found."""

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from apis.evidence import Evidence, Marks

register = template.Library()


@register.filter
def marked(text: str, marks: Marks | None) -> SafeString:
    """The text with the words of the search marked; as it is where nothing was searched."""
    return marks.marked(text) if marks else conditional_escape(text)


@register.filter
def of(found: dict[int, Evidence], pk: int) -> Evidence | None:
    """What is known of the row of that primary key."""
    return found.get(pk) if found else None
