"""An answer that goes on: each event reaches the page as it comes, with script and without."""

import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse

from django.conf import settings
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from .places import Place
from .wire import Call, Gone, TooSlow, pieces

# Without script the page is still loading while events come in: nobody waits long for that.
SECONDS_WITHOUT_SCRIPT = 10
MOST_EVENTS = 500
LONGEST_EVENT = 16 * 1024
# Between the parts that the script puts into the page one by one. No text of ours or an API's has it.
SEPARATOR = "\x1e"
# What stands in the page where events go.
HERE = "<!--events-->"


class Stream:
    """The page, or its region for the script, with the events in their place. Closing it ends the call.

    `events` yields the text of each; `page` is the finished HTML with HERE in it once.
    """

    def __init__(
        self,
        page: str,
        events: Iterator[str],
        *,
        call: Call,
        place: Place,
        region: bool,
        say: Callable[[], str],
    ) -> None:
        self._page, self._events, self._region = page, events, region
        self._call, self._place, self._say = call, place, say

    def __iter__(self) -> Iterator[str]:
        before, _, after = self._page.partition(HERE)
        mark = SEPARATOR if self._region else ""
        yield before + (after if self._region else "") + mark
        try:
            for line in self._lines():
                yield line + mark
        except Gone:
            return
        if not self._region:
            yield after

    def _lines(self) -> Iterator[str]:
        began, count, end = time.monotonic(), 0, gettext("The API ended it.")
        try:
            for text in self._events:
                count += 1
                yield _item(time.monotonic() - began, text)
                if count >= MOST_EVENTS:
                    end = gettext("Ended after {most_events} events.").format(most_events=MOST_EVENTS)
                    break
        except TooSlow:
            end = gettext("Ended here: a try listens no longer.")
        except OSError:
            end = gettext("It broke off.")
        told = f"{count} {'event' if count == 1 else 'events'} in {time.monotonic() - began:.1f} s. {self._say() or end}"
        yield format_html('<li class="end">{}</li>', told)

    def close(self) -> None:
        self._call.close()
        self._place.free()


def _item(at: float, text: str) -> SafeString:
    shown = text if len(text) <= LONGEST_EVENT else text[:LONGEST_EVENT] + "…"
    clean = escape(shown.replace(SEPARATOR, ""))
    return format_html('<li><span class="at">{} s</span><pre>{}</pre></li>', f"{at:.1f}", clean)


def events_in(response: HTTPResponse) -> Iterator[str]:
    """Each server-sent event as its lines, when its blank line has come (HTML, section 9.2.6)."""
    waiting = ""
    for piece in pieces(response, settings.TRY_BYTES):
        waiting += piece.decode(errors="replace").replace("\r\n", "\n")
        *whole, waiting = waiting.split("\n\n")
        yield from (event for event in whole if event.strip())
        if len(waiting) > 4 * LONGEST_EVENT:
            yield waiting
            waiting = ""
    if waiting.strip():
        yield waiting
