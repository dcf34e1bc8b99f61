"""Answers that go on: server-sent events and WebSockets reach the page as they come, and end when nobody looks."""

import html
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from apis.models import ApiType
from gateway.tryit import places
from gateway.tryit.live import SEPARATOR
from gateway.tryit.wire import Clock, Gone, TooSlow
from tests.gateway.trying import ASYNCAPI, Awkward, Shop, describe, shop

pytestmark = [pytest.mark.gateway, pytest.mark.django_db]
LIVE = {"X-Live": "1"}


@pytest.fixture
def tried(try_envoy, try_backend, consumer) -> Shop:
    made = shop(try_envoy, try_backend, consumer)
    made.publish()
    return made


@pytest.fixture
def talking(try_envoy, try_backend, consumer) -> Shop:
    """An AsyncAPI version; its backend says everything back in capitals."""
    made = shop(
        try_envoy,
        try_backend,
        consumer,
        operations=[("SEND", "/rooms/{name}", []), ("RECEIVE", "/rooms/{name}", [])],
    )
    made.version.api.type = ApiType.ASYNCAPI
    made.version.api.save()
    describe(made.version, ASYNCAPI, "asyncapi-3.0")
    made.publish()
    return made


def parts_of(response) -> Iterator[str]:
    return (part.decode() for part in response.streaming_content)


def texts(page: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r"<pre>(.*?)</pre></li>", page, re.DOTALL)]


def test_events_come_one_by_one(tried):
    Awkward.first_was_read.clear()
    response = tried.send("hear", headers=LIVE)
    parts = parts_of(response)
    region, first = next(parts), next(parts)
    assert region.endswith(SEPARATOR) and "data-events" in region and "<html" not in region
    assert texts(first) == ["data: first"]
    # The backend sends its second event only now: nobody has kept the first back.
    Awkward.first_was_read.set()
    assert texts(next(parts)) == ["data: second"]
    assert "2 events in" in next(parts)
    assert list(parts) == []
    response.close()
    assert not places._Held.people


def test_events_come_on_a_page_without_script(tried):
    Awkward.first_was_read.set()
    page = b"".join(tried.send("hear").streaming_content).decode()
    assert page.count("<html") == page.count("</html>") == 1
    assert texts(page) == ["data: first", "data: second"]
    assert SEPARATOR not in page


def test_events_end_with_their_time(tried, settings):
    settings.TRY_SECONDS = 1
    Awkward.first_was_read.clear()
    page = b"".join(tried.send("hear", headers=LIVE).streaming_content).decode()
    Awkward.first_was_read.set()
    assert texts(page) == ["data: first"] and "a try listens no longer" in page


def test_htmx_gets_what_came_in_time(tried, settings):
    settings.TRY_SECONDS = 1
    Awkward.first_was_read.clear()
    found = tried.send("hear", headers={"HX-Request": "true"}).content.decode()
    Awkward.first_was_read.set()
    assert "data: first" in found and "still coming" in found


def test_refused_stream_is_an_answer(tried):
    found = tried.send("hear", headers=LIVE, credential="none").content.decode()
    assert "401 Unauthorized" in found and SEPARATOR not in found


def test_whoever_stops_frees_the_place(tried):
    Awkward.first_was_read.clear()
    response = tried.send("hear", headers=LIVE)
    next(parts_of(response))
    assert places._Held.people
    response.close()
    Awkward.first_was_read.set()
    assert not places._Held.people


def test_websocket_says_what_was_given_and_tells_what_comes(talking, settings):
    settings.TRY_SECONDS = 2
    response = talking.send("say", headers=LIVE, body="one\n---\ntwo\n<b>", **{"path.name": "hall"})
    parts = parts_of(response)
    assert "101 Connected" in next(parts)
    assert [texts(next(parts)) for _ in range(2)] == [["ONE"], ["TWO\n<B>"]]
    assert "2 events" in next(parts)
    response.close()
    assert not places._Held.people


def test_websocket_comes_on_a_page_without_script(talking, settings):
    settings.TRY_SECONDS = 1
    page = b"".join(talking.send("say", body="hello", **{"path.name": "hall"}).streaming_content).decode()
    assert texts(page) == ["HELLO"] and "</html>" in page


def test_websocket_is_refused_like_any_call(talking):
    found = talking.send("say", headers=LIVE, credential="none", **{"path.name": "hall"}).content.decode()
    assert "401 Unauthorized" in found


def test_message_may_be_posted_instead(talking):
    found = talking.send("say", over="http", body="{}", **{"path.name": "hall"}).content.decode()
    assert "200 OK" in found and "POST" in found


def test_clock_sees_who_has_gone():
    ours, theirs = socket.socketpair()
    source, silent = socket.socketpair()
    with ours, source, silent:
        threading.Timer(0.05, theirs.close).start()
        with pytest.raises(Gone):
            Clock(20, ours).wait(source)
        with pytest.raises(TooSlow):
            Clock(0.05).wait(source)
        silent.send(b"x")
        Clock(5).wait(source)


def test_clock_leaves_the_next_request_alone():
    ours, theirs = socket.socketpair()
    source, silent = socket.socketpair()
    with ours, theirs, source, silent:
        theirs.send(b"GET / HTTP/1.1")
        with pytest.raises(TooSlow):
            Clock(0.1, ours).wait(source)
        assert ours.recv(100) == b"GET / HTTP/1.1"
