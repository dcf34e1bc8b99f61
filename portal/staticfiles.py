"""Static files as they are served: with the digest in the name, for a year, and compressed ahead."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(StaticFilesConfig):
    """Django's own, without what packages bring and no page of ours asks for."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "rest_framework", "redoc", "htmx-2*", "htmax*"]


# What every page draws with, in the order of the cascade, and the one file in which they are served: each file more that
# the first paint waits for costs a browser another ten milliseconds.
SHEETS = ("tokens.css", "base.css", "components.css", "site.css")
SHEET = "portico.css"


class Storage(CompressedManifestStaticFilesStorage):
    """Every file beside its compressed forms, and the style sheets of every page in one."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if not dry_run and paths.keys() >= set(SHEETS):
            texts = [Path(self.path(name)).read_text() for name in SHEETS]
            Path(self.path(SHEET)).write_text("\n".join(texts))
            paths = {**paths, SHEET: (self, SHEET)}
        yield from super().post_process(paths, dry_run, **options)

    def create_compressor(self, **options: Any) -> Compressor:
        return Quick(**options)


class Quick(Compressor):
    """Brotli at its best is a twentieth smaller and takes most of a minute, at the first start of a trial as well."""

    SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")

    def __init__(self, extensions: Any = None, **options: Any) -> None:
        super().__init__(extensions or self.SKIP_COMPRESS_EXTENSIONS, **options)

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return brotli.compress(data, quality=9)
