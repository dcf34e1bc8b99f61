"""What the cards of the catalog ask."""

from collections.abc import Container

from django import template

register = template.Library()


@register.filter
def within(pk: int, found: Container[int]) -> bool:
    """Whether the row of that primary key is among those."""
    return pk in found
