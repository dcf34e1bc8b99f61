"""One line of the access log. What callers send is in it, so nothing about it is believed but its form."""

import datetime as dt
from typing import Annotated

import msgspec

from apis.models import Environment

# Envoy cuts what callers send; a longer line is not one that it wrote.
MAX_LINE = 64 * 1024
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Status = Annotated[int, msgspec.Meta(ge=0, le=999)]


class Line(msgspec.Struct, frozen=True):
    """As gateway.targets.envoy.listeners.LOG_FORMAT writes it; what Envoy had no value for is left out."""

    time: dt.datetime
    environment: str
    request_id: str = ""
    api: str = ""
    version: str = ""
    operation: str = ""
    credential: str = ""
    application: str = ""
    plan: str = ""
    checked: str = ""
    probe: str = ""
    method: str = ""
    path: str = ""
    status: _Status = 0
    reason: str = ""
    details: str = ""
    duration_ms: _Number = 0
    received: _Number = 0
    sent: _Number = 0

    @property
    def is_probe(self) -> bool:
        return bool(self.checked and self.probe)

    @property
    def caller(self) -> tuple[str, str]:
        """Application and credential; nobody where the filters did not see the request, whatever its headers say."""
        return (self.application, self.credential) if self.checked else ("", "")

    @property
    def why(self) -> str:
        """Why the gateway answered in the API's place, as its answer says; `aborted` where nobody waited for one."""
        if self.reason or self.status:
            return self.reason
        return "bad_request" if "codec_error" in self.details else "aborted"


_decoder = msgspec.json.Decoder(Line)


def parse(text: bytes) -> Line | None:
    """The line, or None where it is none.

    A line that was torn when its writer died is followed by the next one without a break. No value can hold the two
    characters that begin a line, for quotes in them are escaped; what follows the last of them is whole.
    """
    if len(text) > MAX_LINE:
        return None
    line = _decoded(text)
    if line is None and (start := text.rfind(b'{"')) > 0:
        line = _decoded(text[start:])
    return line


def _decoded(text: bytes) -> Line | None:
    try:
        line = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    known = line.environment in Environment.values and line.time.tzinfo is not None
    return line if known else None


def plain(text: str, most: int) -> str:
    """At most so many characters, without the one that Postgres cannot store."""
    return text.replace("\0", "�")[:most]
