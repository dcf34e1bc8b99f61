"""What the pages of the Reference are full of, made faster than a template makes it."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from apis.models import DescribedOperation
from apis.reference.lists import Entry
from portal.templatetags.portico import verb

register = template.Library()


@register.simple_tag
def operation_links(
    operations: Iterable[Entry | DescribedOperation], below: str, current: str = ""
) -> SafeString:
    """The entries of a list of operations; `below` is the address that their slugs follow, `current` the slug of this page's."""
    links = (
        (
            below,
            each.slug,
            SafeString(' aria-current="page"') if each.slug == current else "",
            verb(each.method),
            " old" if each.deprecated else "",
            each.title,
        )
        for each in operations
    )
    return format_html_join("", '<li><a href="{}{}/"{}>{}<span class="trunc{}">{}</span></a></li>', links)
