"""The boxes of the catalog's filters. A page has sixty of them: a tag makes one in a tenth of an include's time."""

from urllib.parse import quote

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apis.facets import Option

register = template.Library()


@register.simple_tag
def option_box(facet: str, option: Option) -> SafeString:
    """One value of a facet with its count, to be ticked."""
    return format_html(
        '<label class="check"><input type="checkbox" id="f-{}-{}" name="{}" value="{}"{}>'
        '<span>{}</span><span class="n">{}</span></label>',
        facet,
        quote(option.value),
        facet,
        option.value,
        " checked" if option.checked else "",
        option.label,
        option.count,
    )
