"""One try from the form to the page: place, credential, call, answer."""

import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apis.models import ApiVersion, DescribedOperation, Document, Operation, Publication
from apis.views.reference import operation_context
from apis.views.versions import Shown
from portal.accounts.people import person
from portal.errors import Conflict, Invalid, PorticoError, TooManyTries
from portal.htmx import wants_part

from . import answer as answers, live, places, talk
from .explain import explained
from .outgoing import Outgoing, outgoing
from .panel import Problem, Tried, environment_of
from .proof import Proof, proof_of
from .shape import EVENTS, Shape, shape_of
from .uploads import uploads_of
from .wire import Call, Clock, Gone, TooSlow, pieces

_NOT_KEPT = ("key", "csrfmiddlewaretoken", "save")
NO_STORE = {"Cache-Control": "no-store"}
Say = Callable[[], str]
_REGION = "gateway/_try_answer.html"


class Attempt:
    """A person's POST about one operation. `read` is False where its body is not to be looked at."""

    def __init__(
        self,
        request: HttpRequest,
        shown: Shown,
        document: Document,
        row: DescribedOperation,
        *,
        read: bool = True,
    ) -> None:
        self.began = time.perf_counter()
        self.request, self.shown, self.document, self.row = request, shown, document, row
        self.version, self.by = shown.version, person(request)
        found = shape_of(document, row)
        if found is None or found.kind == "grpc":
            raise Http404
        self.shape: Shape = found
        self.posted = (
            {name: str(value).replace("\0", "") for name, value in request.POST.items()} if read else {}
        )
        self.given = {name: value for name, value in self.posted.items() if name not in _NOT_KEPT}
        self.environment = environment_of(self.version, self.posted.get("environment", ""))
        # The script reads the region as it comes; htmx takes it whole; everybody else gets the page.
        self.pieces = "X-Live" in request.headers
        self.region = self.pieces or wants_part(request)
        self.call: Call | None = None

    def answer(self) -> HttpResponseBase:
        """Make the call. Whatever happens, its place is free again when the response has gone out."""
        try:
            place = places.take(self.by)
        except PorticoError as error:
            return self.problem(error)
        streams = False
        try:
            response = self._answer(place)
            streams = response.streaming
            return response
        except PorticoError as error:
            return self.problem(error)
        except TooSlow:
            late = Conflict(
                _("The API did not answer within {try_seconds} s.").format(try_seconds=settings.TRY_SECONDS),
                remedy=_("A program of yours may wait longer."),
            )
            return self.problem(late, status=504)
        except Gone:
            return HttpResponse(status=204)
        finally:
            if not streams:
                self._end(place)

    def _end(self, place: places.Place) -> None:
        if self.call:
            self.call.close()
        place.free()

    def _sent(self) -> Outgoing:
        """What the form asks for; a WebSocket begins as a GET, and its messages come later."""
        files = uploads_of(self.request)
        sent = outgoing(self.shape, self.version.base_path, self.posted, files, live=self.shape.live)
        return Outgoing("GET", sent.target) if self.over_socket else sent

    @property
    def over_socket(self) -> bool:
        return self.shape.socket and self.posted.get("over", "socket") == "socket"

    def _answer(self, place: places.Place) -> HttpResponseBase:
        self._check_served()
        sent = self._sent()
        proof = proof_of(self.version, self.environment, self.posted, self.by)
        clock = Clock(settings.TRY_SECONDS, self.request.META.get("gunicorn.socket"))
        self.call = call = Call(self.environment, sent, proof.headers, clock)
        response = call.open(*(talk.handshake() if self.over_socket else ()))
        found = answers.head_of(call, response, self.began)
        if self.over_socket and response.status == 101:
            return self._talk(call, found, response, place)
        if is_events(response) and (self.pieces or not self.region):
            return self._stream(call, found, live.events_in(response), place)
        if "save" in self.posted and response.status < 400:
            return self._save(response, place)
        return self._whole(call, found, response, proof)

    def _check_served(self) -> None:
        """A version that is not at the gateway has lent its address to nobody, or to another."""
        version = self.version
        served = {*ApiVersion.SERVED, Publication.BLOCKED}
        if version.withdrawn_at or version.definition_pending or version.status not in served:
            raise Conflict(_("The gateway does not serve this version."), remedy=_("Its page says why."))
        if self.environment not in version.base_urls:
            raise Conflict(_("This version is served in no environment."), remedy=_("Ask its team."))

    # ---- what becomes of the answer ---------------------------------------------------------------------------------
    def _whole(self, call: Call, found: answers.Answer, response: HTTPResponse, proof: Proof) -> HttpResponse:
        if is_events(response):
            call.clock.shorten(live.SECONDS_WITHOUT_SCRIPT)
        body = answers.read_into(found, response)
        refusal = answers.refusal_of(found, response.headers, body)
        if refusal:
            found.refusal = explained(
                refusal,
                version=self.version,
                operation=self._operation(),
                environment=self.environment,
                proof=proof,
                by=self.by,
            )
        answers.add_curl(found, call.sent, proof, self.environment)
        return self._page(Tried(self.given, answer=found))

    def _operation(self) -> Operation | None:
        return Operation.objects.filter(
            version=self.version, method=self.row.method, path=self.row.path
        ).first()

    def _stream(
        self, call: Call, found: answers.Answer, events: Iterator[str], place: places.Place, say: Say = str
    ) -> StreamingHttpResponse:
        """The page with its events as they come, on the connection that is open."""
        if not self.pieces:
            call.clock.shorten(live.SECONDS_WITHOUT_SCRIPT)
        found.streams = True
        page = self._html(Tried(self.given, answer=found))
        stream = live.Stream(page, events, call=call, place=place, region=self.pieces, say=say)
        # A proxy in front that buffers would make one answer of it.
        headers = {**NO_STORE, "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(stream, content_type="text/html; charset=utf-8", headers=headers)

    def _talk(
        self, call: Call, found: answers.Answer, response: HTTPResponse, place: places.Place
    ) -> HttpResponseBase:
        speaker = talk.Talk(call, response)
        speaker.say(talk.messages_of(self.posted.get("body", "")))
        return self._stream(call, found, speaker.heard(), place, say=lambda: speaker.ended)

    def _save(self, response: HTTPResponse, place: places.Place) -> StreamingHttpResponse:
        """As a file, whatever it is: nothing of it is opened by the browser."""
        kind = response.headers.get("content-type", "")
        headers = {
            **NO_STORE,
            "Content-Disposition": f'attachment; filename="{answers.file_name(kind)}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        if response.length is not None and response.length > settings.TRY_BYTES:
            raise Invalid(
                _("The answer has {length:,} bytes; {try_bytes} MB can be saved here.").format(
                    length=response.length, try_bytes=settings.TRY_BYTES // 1024**2
                ),
                remedy=_("Copy the call as curl."),
            )
        saved = _Saved(response, lambda: self._end(place))
        return StreamingHttpResponse(saved, content_type="application/octet-stream", headers=headers)

    def problem(self, error: PorticoError, *, status: int = 0) -> HttpResponse:
        problem = Problem(error.message, error.remedy, getattr(error, "field", ""))
        response = self._page(Tried(self.given, problem=problem), status=status or error.status)
        if isinstance(error, TooManyTries):
            response["Retry-After"] = str(error.retry_after)
        return response

    def _page(self, tried: Tried, *, status: int = 200) -> HttpResponse:
        return HttpResponse(self._html(tried), status=status, headers=NO_STORE)

    def _html(self, tried: Tried) -> str:
        if self.region:
            return render_to_string(_REGION, {"tried": tried, "by": self.by}, self.request)
        context = operation_context(self.request, self.shown, self.document, self.row)
        return render_to_string("apis/operation.html", {**context, "tried": tried}, self.request)


def is_events(response: HTTPResponse) -> bool:
    return response.headers.get("content-type", "").startswith(EVENTS)


class _Saved:
    """The body up to the limit. One byte more breaks it off, so that nobody takes a part for the whole."""

    def __init__(self, response: HTTPResponse, end: Callable[[], None]) -> None:
        self._response, self._end = response, end

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in pieces(self._response, settings.TRY_BYTES + 1):
            size += len(piece)
            if size > settings.TRY_BYTES:
                raise ConnectionError("the answer is larger than a try may save")
            yield piece

    def close(self) -> None:
        self._end()
