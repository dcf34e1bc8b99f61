"""Addresses of the portal's pages, remembered: a page names fifty of them and more, the same ones again and again."""

from functools import lru_cache

from django.urls import reverse


@lru_cache(maxsize=8192)
def address(name: str, *args: str | int) -> str:
    """Django's `reverse`. Raises NoReverseMatch."""
    return reverse(name, args=args)
