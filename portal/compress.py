"""Pages go over the wire compressed."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = ("text/", "application/json", "application/problem+json", "application/yaml", "image/svg+xml")


class CompressionMiddleware(GZipMiddleware):
    """Django's own, for whole texts only.

    A compressed answer tells by its length what it repeats of the question (BREACH). Django masks the CSRF token anew
    in each answer and pads each by chance; an answer that nobody may keep, such as one that shows a new secret, goes
    uncompressed all the same. Streams go as they come: an event must not wait for the next one to fill a block.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.get("Content-Type", "")
        kept = "no-store" not in response.get("Cache-Control", "")
        if not isinstance(response, HttpResponse) or not kept or not kind.startswith(COMPRESSED):
            return response
        return super().process_response(request, response)
