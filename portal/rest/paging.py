"""Cursor paging of every REST list."""

from rest_framework.pagination import CursorPagination


class CursorPage(CursorPagination):
    """`?limit=` up to 100; follow `next` until it is null. A row added or removed meanwhile neither repeats nor hides one."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "limit"
    ordering = "-id"
