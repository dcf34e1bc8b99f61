"""How to reach the publishers of an API: their contact is free text, and a link where it is an address."""

import re

from django import template
from django.utils.html import format_html

register = template.Library()

MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*")
PAGE = re.compile(r"https?://[^\s@]+")


@register.filter
def contact_link(contact: str) -> str:
    """Mail to a mail address, a link to a page, and anything else as it stands."""
    if MAIL.fullmatch(contact):
        return format_html('<a href="mailto:{}">{}</a>', contact, contact)
    if PAGE.fullmatch(contact):
        return format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', contact, contact)
    return contact
