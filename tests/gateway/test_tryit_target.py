"""Where a try leads: nothing that is filled in leaves the operation's own path, names another host or splits a header."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given, strategies as st

from gateway.tryit.outgoing import HOP_BY_HOP, Upload, may_send, multipart, outgoing, target_of
from gateway.tryit.shape import Field, Shape
from portal.errors import Invalid

BASE = "/shop/v1"
ANY_TEXT = st.text(max_size=60)
ESCAPES = [
    "/",
    "\\",
    ".",
    "..",
    "%2e",
    "%2f",
    "\r\n",
    "@evil",
    "//",
    "?",
    "#",
    "[::1]",
    "http:",
    ";",
    "\0",
    " ",
    "é",
    "%",
]
HOSTILE = st.lists(st.sampled_from(ESCAPES), max_size=8).map("".join)


@given(value=ANY_TEXT | HOSTILE, more=ANY_TEXT | HOSTILE)
@example("..", "x")
@example("../../admin", "x")
@example("@169.254.169.254/", "x")
@example("a\r\nHost: evil", "b\r\n\r\nGET / HTTP/1.1")
def test_no_value_leaves_its_place(value, more):
    try:
        target = target_of(BASE, "/items/{id}/lines", {"id": value}, [("q", more)])
    except Invalid:
        return
    path, _, query = target.partition("?")
    assert re.fullmatch(r"/shop/v1/items/[A-Za-z0-9._~%-]+/lines", path)
    assert re.fullmatch(r"q=[A-Za-z0-9._~%-]*", query)
    assert not {".", ".."} & set(re.split(r"[/\\]", unquote(path)))


@given(template=HOSTILE | ANY_TEXT)
@example("//evil.example/")
@example("/../../admin")
@example("http://evil.example/")
@example("/%2e%2e/admin")
def test_no_template_leaves_its_base(template):
    try:
        target = target_of(BASE, template, {"": "x"})
    except Invalid:
        return
    assert target.startswith(BASE)
    assert re.fullmatch(r"[!-~]+", target) and "#" not in target and " " not in target
    assert not {".", ".."} & set(re.split(r"[/\\]", unquote(target.partition("?")[0])))


@pytest.mark.parametrize("value", ["", ".", "..", "../x", "..\\x", "a/../b", "..;x", "./", "x/.."])
def test_dots_alone_are_refused(value):
    with pytest.raises(Invalid):
        target_of(BASE, "/items/{id}", {"id": value})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("ä", "%C3%A4"),
        ("%2e%2e", "%252e%252e"),
        ("[::1]:80", "%5B%3A%3A1%5D%3A80"),
    ],
)
def test_other_values_are_encoded(value, written):
    assert target_of(BASE, "/items/{id}", {"id": value}) == f"/shop/v1/items/{written}"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Host",
            "Cookie",
            "cookie",
            "Authorization",
            "X-API-Key",
            "Content-Length",
            "Forwarded",
            "X-Forwarded-For",
        ),
        *(
            "X-Portico-Probe",
            "x_portico_probe",
            "X-Envoy-Retry-On",
            "X-Portal-App",
            "Transfer-Encoding",
            "Upgrade",
        ),
        *(
            "Proxy-Authorization",
            "Sec-WebSocket-Key",
            "Origin",
            "bad name",
            "bad\r\nname",
            "",
            ":path",
            "Expect",
        ),
        *sorted(HOP_BY_HOP),
    ],
)
def test_headers_of_the_portal_are_not_for_filling_in(name):
    assert not may_send(name)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "\0", "x" * 4001, "\x7f"])
def test_header_value_stays_on_its_line(value):
    shape = Shape("http", "GET", "/items", (Field("header.X-Shop", "X-Shop"),))
    with pytest.raises(Invalid):
        outgoing(shape, BASE, {"header.X-Shop": value}, {}, live=False)


def test_body_has_a_limit(settings):
    shape = Shape("http", "POST", "/items", media=("application/json",))
    settings.TRY_BYTES = 10
    assert outgoing(shape, BASE, {"body": "x" * 10}, {}, live=False).body == b"x" * 10
    for given_, files in (({"body": "x" * 11}, {}), ({}, {"file": Upload("a", "text/plain", b"x" * 11)})):
        with pytest.raises(Invalid, match="A body may have"):
            outgoing(shape, BASE, given_, files, live=False)


def test_media_type_is_one_of_the_operations():
    shape = Shape("http", "POST", "/items", media=("application/json", "text/csv"))
    kinds = {
        wish: dict(outgoing(shape, BASE, {"body": "x", "type": wish}, {}, live=False).headers)["Content-Type"]
        for wish in ("text/csv", "text/html\r\nX: y", "")
    }
    assert kinds == {"text/csv": "text/csv", "text/html\r\nX: y": "application/json", "": "application/json"}


def test_variables_are_json():
    shape = Shape("graphql", "POST", "", media=("application/json",))
    sent = outgoing(shape, BASE, {"body": "{ a }", "variables": '{"n": 1}'}, {}, live=False)
    assert (sent.target, sent.body) == (BASE, b'{"query": "{ a }", "variables": {"n": 1}}')
    with pytest.raises(Invalid, match="variables"):
        outgoing(shape, BASE, {"body": "{ a }", "variables": "{"}, {}, live=False)


def test_form_keeps_names_and_files_in_their_lines():
    media, body = multipart(
        {'ti"tle\r\nX: y': "a\r\nb", "photo": None, "none": None},
        {"form.photo": Upload('p"\r\n.png', "image/png", b"\x89")},
    )
    boundary = media.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == 3
    assert b'name="ti%22tle%0D%0AX: y"\r\n\r\na\r\nb\r\n' in body
    assert b'name="photo"; filename="p%22%0D%0A.png"\r\nContent-Type: image/png\r\n\r\n\x89\r\n' in body
