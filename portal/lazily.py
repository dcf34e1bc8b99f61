"""Texts that are written once when a module is read, and translated each time that somebody sees them."""

from typing import cast

from django.utils import translation


def gettext_lazy(message: str) -> str:
    """As Django's, for what is declared as str: its lazy texts stand in for one wherever a page is put together."""
    return cast("str", translation.gettext_lazy(message))
