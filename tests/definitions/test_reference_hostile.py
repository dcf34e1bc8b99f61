"""Nothing that a definition says becomes an element, an attribute or a link of its own choosing."""

import json
from html.parser import HTMLParser

import pytest

from apis.definitions.reference import reference_of
from apis.reference import snippets
from apis.reference.calls import Called, call_of
from apis.reference.merged import Book
from tests.definitions.drawing import draw_all
from tests.definitions.hostile import CHARM, CHARMS, definition

TAGS = {
    *("a", "ul", "ol", "li", "div", "span", "code", "p", "details", "summary", "svg", "use", "pre", "em"),
    *("strong", "br", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr"),
}
ATTRIBUTES = {"class", "href", "viewbox", "aria-hidden", "rel", "title", "start"}
SAFE = ("../", "/static/", "https://", "http://", "mailto:")
COMMENT = CHARM.replace("*/", "")
LANGUAGES = {
    "openapi": json.dumps(definition()),
    "asyncapi": json.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {"title": CHARM, "description": CHARM},
            "channels": {
                CHARMS[1]: {
                    "address": CHARMS[0],
                    "description": CHARM,
                    "parameters": {CHARMS[2]: {"description": CHARM}},
                }
            },
            "operations": {
                CHARMS[0]: {
                    "action": "send",
                    "title": CHARM,
                    "description": CHARM,
                    "channel": {"$ref": "#/channels/" + CHARMS[1].replace("/", "~1")},
                    "messages": [
                        {"title": CHARM, "payload": {"description": CHARM, "properties": {CHARMS[0]: {}}}},
                        {"schemaFormat": "application/vnd.apache.avro", "payload": CHARM},
                    ],
                }
            },
        }
    ),
    "graphql": f"type Query {{ {json.dumps(CHARM)} a(b: B = {json.dumps(CHARM)}): B }}\n{json.dumps(CHARM)} enum B {{ {json.dumps(CHARM)} C }}",
    "protobuf": f'syntax = "proto3"; /* {COMMENT} */ service S {{ /* {COMMENT} */ rpc G (A) returns (A); }} message A {{ /* {COMMENT} */ string a = 1; }}',
    "wsdl": "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/' xmlns:x='http://www.w3.org/2001/XMLSchema'><types><x:schema>"
    "<x:element name='&lt;script&gt;'><x:annotation><x:documentation>&lt;script&gt;alert(1)&lt;/script&gt;</x:documentation>"
    "</x:annotation></x:element></x:schema></types><message name='m'><part name='p' element='&lt;script&gt;'/></message>"
    "<portType name='&lt;b&gt;'><operation name='&lt;script&gt;'><documentation>[a](javascript:b)</documentation>"
    "<input message='m'/></operation></portType></definitions>",
}


class Checked(HTMLParser):
    """Fails at whatever no page of ours has."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            assert name != "href" or (value or "").startswith(SAFE), value


@pytest.mark.parametrize("language", LANGUAGES)
def test_reference_holds_nothing_foreign(language):
    pages = draw_all(reference_of(LANGUAGES[language]))
    assert pages
    for page in pages:
        Checked().feed(page)


def test_reference_slugs_are_steps_of_an_address():
    reference = reference_of(LANGUAGES["openapi"])
    for part in (*reference.operations, *reference.schemas):
        assert part.slug.replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert not part.slug.startswith(".")


@pytest.mark.parametrize("language", snippets.WRITERS)
@pytest.mark.parametrize(
    "charm",
    ["'; rm -rf ~ #", '" + evil() + "', "`evil`", "$(evil)", "\\'; evil();//", "#{evil}", "?>\n<?php"],
)
def test_snippet_keeps_what_is_said_inside_its_quotes(language, charm):
    body = {
        "parameters": [{"name": "q", "in": "header", "required": True, "schema": {"examples": [charm]}}],
        "bodies": [
            {"media": [{"type": "text/plain", "schema": {}, "examples": [{"name": "", "value": charm}]}]}
        ],
    }
    call = call_of("openapi", Called("POST", "/a", "", ""), body, Book(), "http://127.0.0.1", "none")
    assert call is not None
    text = snippets.snippet(call, language)
    assert outside_quotes(text, language).count("evil") == 0
    assert "rm -rf" not in outside_quotes(text, language)


def test_snippet_sends_no_file_of_the_reader_s():
    fields = {
        "type": ["object"],
        "properties": {
            "a": {"examples": ["@/etc/passwd"]},
            "b=@/etc/hosts;": {"type": ["string"], "format": "binary"},
        },
    }
    body = {"bodies": [{"media": [{"type": "multipart/form-data", "schema": fields}]}]}
    call = call_of("openapi", Called("POST", "/a", "", ""), body, Book(), "http://127.0.0.1", "none")
    assert call is not None
    text = snippets.snippet(call, "curl")
    assert "--form-string a=@/etc/passwd" in text
    assert "-F b/etc/hosts=@FILE" in text


def test_snippet_never_has_a_placeholder_of_the_definition_s():
    charm = "API_API_KEYKEY ACCESS_TOKEN"
    body = {
        "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"examples": [charm]}}],
        "bodies": [{"media": [{"type": "application/json", "schema": {"examples": [{charm: charm}]}}]}],
    }
    call = call_of("openapi", Called("POST", "/API_KEY", "", ""), body, Book(), "http://127.0.0.1", "key")
    assert call is not None
    for language in snippets.WRITERS:
        assert snippets.snippet(call, language).count("API_KEY") == 1


def outside_quotes(text: str, language: str) -> str:
    """The text without its strings, as the language reads them."""
    left, quote, at = [], "", 0
    # Where a backslash escapes: not between the shell's single quotes, nor between Go's back ticks.
    while at < len(text):
        sign = text[at]
        if not quote and sign in "'\"`":
            quote = sign
        elif quote and sign == "\\" and not (language == "curl" and quote == "'") and quote != "`":
            at += 1
        elif sign == quote:
            quote = ""
        elif not quote:
            left.append(sign)
        at += 1
    return "".join(left)
