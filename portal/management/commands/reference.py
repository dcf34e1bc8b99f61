"""Writes docs/reference/ from the code."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.reference import pages


class Command(BaseCommand):
    help = "Write the generated pages of docs/reference/."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for name, text in pages().items():
            (settings.BASE_DIR / "docs" / "reference" / name).write_text(text)
            self.stdout.write(f"docs/reference/{name}")
