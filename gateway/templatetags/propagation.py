"""How promises are kept, as cards with a histogram each."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.propagation import BARS, WIDTH, Measured, measured

register = template.Library()
_STEP, _HEIGHT = 9, 40


@register.inclusion_tag("gateway/_promises.html")
def promises() -> dict[str, list[Measured]]:
    """A card for each promise. Takes no more than a few queries, and those once in a few seconds."""
    return {"promises": measured()}


@register.filter
def histogram(found: Measured) -> SafeString:
    """The bars, those past the promise in another colour; what they say stands beside them in words."""
    top = max(found.bars) or 1
    line = BARS / WIDTH * _STEP
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="7" height="{}"/>',
        (
            ("kx" if at * _STEP >= line else "k1", at * _STEP, round(_HEIGHT - tall, 1), tall)
            for at, n in enumerate(found.bars)
            if (tall := round(38 * n / top + (1 if n else 0), 1))
        ),
    )
    return format_html(
        '<svg class="chart" viewBox="0 0 {} 41" aria-hidden="true">{}'
        '<line class="mk" x1="{}" x2="{}" y1="0" y2="40"/></svg>',
        BARS * _STEP,
        bars,
        line,
        line,
    )
