"""`{% kept %}`: see portal/kept.py."""

from django import template
from django.utils.safestring import SafeString

from portal.kept import part

register = template.Library()


@register.simple_tag
def kept(template_name: str, **values: object) -> SafeString:
    """An include that sees only what it is given, and is drawn once for the same values."""
    return part(template_name, values)
