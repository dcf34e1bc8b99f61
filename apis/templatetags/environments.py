"""How environments are called."""

from django import template

from apis.models import Environment

register = template.Library()
_WORDS = dict(Environment.choices)


@register.filter
def environment_word(name: str) -> str:
    """`production` as `Production`."""
    return str(_WORDS.get(name, name))
