"""Static files as they are served: with the digest in the name, for a year, and compressed ahead."""

from typing import Any

import brotli
from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(StaticFilesConfig):
    """Django's own, without what packages bring and no page of ours asks for."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "rest_framework", "redoc", "htmx-2*", "htmax*"]


class Storage(CompressedManifestStaticFilesStorage):
    """Every file beside its compressed forms."""

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
