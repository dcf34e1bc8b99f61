"""Pages go compressed; what is shown once, and what comes as a stream, does not."""

import gzip
from collections.abc import Iterator

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from portal.compress import CompressionMiddleware

TEXT = "Orders of a shop. " * 100


def _answered(response: HttpResponse | StreamingHttpResponse) -> HttpResponse | StreamingHttpResponse:
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip, br"})
    return CompressionMiddleware(lambda _: response)(request)


@pytest.mark.django_db
def test_page_is_compressed(client: Client) -> None:
    plain = client.get("/")
    answer = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert b"<h1" in gzip.decompress(answer.content)
    assert len(answer.content) < len(plain.content) / 2


def test_padding_differs() -> None:
    lengths = {len(_answered(HttpResponse(TEXT)).content) for _ in range(30)}
    assert len(lengths) > 1


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/problem+json"])
def test_kind_is_compressed(kind: str) -> None:
    assert _answered(HttpResponse(TEXT, content_type=kind)).headers["Content-Encoding"] == "gzip"


def test_kind_that_is_compressed_already_is_left() -> None:
    answer = _answered(HttpResponse(TEXT.encode(), content_type="application/octet-stream"))
    assert "Content-Encoding" not in answer.headers


def test_answer_that_shows_a_secret_is_left() -> None:
    answer = _answered(HttpResponse(TEXT, headers={"Cache-Control": "private, no-store"}))
    assert "Content-Encoding" not in answer.headers
    assert answer.content == TEXT.encode()


@pytest.mark.parametrize("kind", ["text/event-stream", "text/html", "application/json"])
def test_stream_comes_part_by_part(kind: str) -> None:
    sent: list[int] = []

    def parts() -> Iterator[bytes]:
        for n in range(3):
            sent.append(n)
            yield b"data: %d\n\n" % n

    answer = _answered(StreamingHttpResponse(parts(), content_type=kind))
    assert "Content-Encoding" not in answer.headers
    stream = iter(answer)
    assert next(stream) == b"data: 0\n\n"
    assert sent == [0]
