"""Definitions as files."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag

from . import definitions
from .models import Document

TYPES = {
    "json": "application/json",
    "yaml": "application/yaml",
    "graphql": "text/plain",
    "wsdl": "text/xml",
    "proto": "text/plain",
}
# Languages that have one form only.
ONLY = {"graphql": "graphql", "wsdl": "wsdl", "protobuf": "proto"}


def formats_of(document: Document | None) -> list[str]:
    """The endings a definition can be downloaded with; none before it was read."""
    if document is None or not document.format:
        return []
    only = ONLY.get(document.format.partition("-")[0])
    return [only] if only else ["json", "yaml"]


def text_of(document: Document, form: str) -> str:
    """The text in that form. Where it was published in it, it is the author's own, to the letter."""
    own = "json" if document.text.lstrip().startswith("{") else "yaml"
    if form in {own, *ONLY.values()}:
        return document.text
    return definitions.to_json(document.text) if form == "json" else definitions.to_yaml(document.text)


def response(request: HttpRequest | Any, document: Document, form: str, *, name: str) -> HttpResponse:
    """An attachment, so that a browser never shows what somebody wrote as a page of ours; 304 where the caller has it."""
    etag = quote_etag(f"{document.sha256}-{form}")
    answer = get_conditional_response(getattr(request, "_request", request), etag=etag)
    if answer is None:
        answer = HttpResponse(text_of(document, form), content_type=f"{TYPES[form]}; charset=utf-8")
        answer["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=f"{name}.{form}"
        )
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, max-age=0, must-revalidate"
    return answer
