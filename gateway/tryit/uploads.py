"""Files that go along with a try: in memory, and never more than a try may send."""

import io
import re
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from .outgoing import Upload, too_large

_MEDIA = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}")


class BoundedUpload(FileUploadHandler):
    """Takes all files of a form together up to the limit; beyond it the rest is read and forgotten."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.total, self.exceeded = 0, False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.content = io.BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.total += len(raw_data)
        if self.total > settings.TRY_BYTES:
            self.exceeded = True
            raise StopUpload(connection_reset=False)
        self.content.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        self.content.seek(0)
        return InMemoryUploadedFile(
            self.content,
            self.field_name,
            self.file_name or "file",
            self.content_type or "",
            file_size,
            self.charset,
            self.content_type_extra,
        )


def uploads_of(request: HttpRequest) -> dict[str, Upload]:
    """The files that were chosen, by field. Raises Invalid where they are too large."""
    if any(getattr(handler, "exceeded", False) for handler in request.upload_handlers):
        raise too_large()
    found = {}
    for name, file in request.FILES.items():
        if isinstance(file, list):
            continue
        kind = file.content_type or ""
        media = kind if _MEDIA.fullmatch(kind) else "application/octet-stream"
        found[name] = Upload((file.name or "file")[:200], media, file.read())
    return found
