"""What a request form may say, and what an answer is."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from portal.errors import Invalid
from subscriptions.request_forms import questions
from subscriptions.request_forms.forms import AnswersForm
from subscriptions.request_forms.views import EXAMPLE

TEXT = {"type": "string"}
KEYWORDS = ["type", "enum", "default", "minimum", "maxLength", "const", "title", "", "a"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3),
    max_leaves=5,
)


def schema(required: tuple[str, ...] = (), /, **properties: Any) -> str:
    return json.dumps({"type": "object", "properties": properties, "required": list(required)})


def read_one(**keywords: Any) -> questions.Question:
    return questions.read(schema(it=keywords))[0]


def refusal(text: str) -> str:
    with pytest.raises(Invalid) as refused:
        questions.read(text)
    assert refused.value.field == "schema"
    return refused.value.message


def test_questions_keep_the_order_and_what_is_needed():
    found = questions.read(json.dumps(EXAMPLE))
    assert [one.name for one in found] == list(EXAMPLE["properties"])
    assert {one.name for one in found if one.required} == {"purpose", "audience", "terms"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("{", "Line 1, column 2"),
        ("[]", "one JSON object"),
        ("null", "one JSON object"),
        ('{"type": "object"}', "1 to 20 questions"),
        ('{"type": "object", "properties": {}}', "1 to 20 questions"),
        ('{"type": "object", "properties": {"a": {"type": "string"}}, "$ref": "#"}', "$ref is not taken"),
        ('{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}', "required"),
        ('{"type": "object", "properties": {"a": {"type": "string"}}, "required": [{}]}', "required"),
        ('{"type": "object", "additionalProperties": true, "properties": {}}', "additionalProperties"),
        ('{"type": "object", "type": "object"}', "twice"),
        ('{"type": "object", "properties": {"a": {"type": "number", "minimum": NaN}}}', "NaN"),
        ("[" * 19_000, "nested too deeply"),
        ('{"a": ' + "9" * 9000 + "}", "cannot be read|can be read"),
        (" " * 20_001, "at most 20,000"),
        (schema(**{"a b": TEXT}), "cannot name a question"),
        (schema(**{"x" * 41: TEXT}), "cannot name a question"),
        (schema(**{f"q{n}": TEXT for n in range(21)}), "1 to 20 questions"),
        (schema(a={"type": "array"}), "its type is one of"),
        (schema(a={"type": ["string", "null"]}), "its type is one of"),
        (schema(a={"type": "object", "properties": {}}), "its type is one of"),
        (schema(a="string"), "its type is one of"),
        (schema(a={"type": "string", "pattern": "(a+)+$"}), "pattern is not taken"),
        (schema(a={"type": "string", "allOf": []}), "allOf is not taken"),
        (schema(a={"type": "string", "format": "regex"}), "format is one of"),
        (schema(a={"type": "string", "format": []}), "format is one of"),
        (schema(a={"type": "string", "title": "x" * 121}), "title is a text"),
        (schema(a={"type": "string", "title": "a\0"}), "title is a text"),
        (schema(a={"type": "string", "title": "\ud800"}), "title is a text"),
        (schema(a={"type": "string", "enum": []}), "enum is a list"),
        (schema(a={"type": "string", "enum": ["a", "a"]}), "enum is a list"),
        (schema(a={"type": "string", "enum": ["a", 1]}), "enum is a list"),
        (schema(a={"type": "string", "enum": "ab"}), "enum is a list"),
        (schema(a={"type": "string", "maxLength": 2001}), "maxLength is a whole number"),
        (schema(a={"type": "string", "maxLength": True}), "maxLength is a whole number"),
        (schema(a={"type": "string", "minLength": 9, "maxLength": 8}), "no answer"),
        (schema(a={"type": "integer", "minimum": 2, "maximum": 1}), "no answer"),
        (schema(a={"type": "integer", "maximum": 10**16}), "maximum is a number"),
        (schema(a={"type": "integer", "maximum": 1e308 * 10}), "Infinity"),
        (schema(a={"type": "integer", "default": 1.5}), "its default is no answer"),
        (schema(a={"type": "string", "enum": ["a"], "default": "b"}), "its default is no answer"),
        (schema(a={"type": "boolean", "const": False}), "const can only be true"),
    ],
)
def test_schema_is_refused_with_what_is_wrong(text, said):
    message = refusal(text)
    assert any(one in message for one in said.split("|")), message
    assert len(message) < 400


@given(ANYTHING)
def test_schema_of_any_shape_is_read_or_refused(part):
    for text in (json.dumps(part), json.dumps({"type": "object", "properties": {"a": part}})):
        try:
            questions.read(text)
        except Invalid:
            continue


@pytest.mark.parametrize(
    ("keywords", "good", "bad"),
    [
        ({"type": "string"}, ["a", "Ω\n"], [1, True, [], {}, "a\0", "\ud800", "x" * 2001]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c", "A"]),
        ({"type": "string", "format": "email"}, ["a@example.com"], ["a", "a@", "@b", "a@b.c\nX: y"]),
        (
            {"type": "string", "format": "uri"},
            ["https://example.com/x?y#z", "http://[::1]:80/"],
            ["javascript:alert(1)", "example.com", "https://", "http://[", "https://a b", "data:text/html,x"],
        ),
        (
            {"type": "string", "format": "date"},
            ["2027-01-31"],
            ["2027-02-30", "20270131", "2027-W01-1", "31.1.2027"],
        ),
        ({"type": "integer"}, [1, -1, 2.0], [1.5, "1", True, 10**16, 10**400, float("inf"), float("nan")]),
        ({"type": "number", "minimum": 0, "maximum": 1}, [0, 0.5, 1], [-0.1, 1.1, "0.5", float("nan")]),
        ({"type": "boolean"}, [True, False], ["true", 1, 0]),
        ({"type": "boolean", "const": True}, [True], [False]),
    ],
)
def test_answer_is_one_or_says_why_not(keywords, good, bad):
    question = read_one(**keywords)
    assert [answer for answer in good if question.problem(answer)] == []
    assert [answer for answer in bad if not question.problem(answer)] == []


def test_answers_are_needed_where_it_is_said():
    asked = questions.read(schema(("a",), a=TEXT, b=TEXT))
    assert set(questions.problems(asked, {"a": "  ", "b": ""})) == {"a"}
    assert questions.kept(asked, {"a": " x ", "b": None}) == {"a": "x"}


def test_answers_to_nothing_are_refused():
    with pytest.raises(Invalid, match="It is not asked") as refused:
        questions.kept((), {"a": 1})
    assert refused.value.field == "answers"


@given(st.dictionaries(st.sampled_from([*EXAMPLE["properties"], "other"]), ANYTHING))
def test_answers_of_any_shape_are_kept_or_refused(answers):
    asked = questions.read(json.dumps(EXAMPLE))
    try:
        kept = questions.kept(asked, answers)
    except Invalid:
        return
    shown = [one.shown(kept[one.name]) for one in asked if one.name in kept]
    assert all(isinstance(text, str) for text in shown)


def test_form_escapes_what_a_publisher_says():
    harm = "<script>alert(1)</script>"
    asked = questions.read(schema(a={"type": "string", "title": harm, "description": harm, "default": harm}))
    for form in (AnswersForm(questions=asked), AnswersForm({"a": "x" * 2001 + harm}, questions=asked)):
        assert "<script" not in str(form)
        assert "&lt;script&gt;" in str(form)


@pytest.mark.parametrize(
    ("typed", "answers"),
    [
        ({}, None),
        ({"purpose": "p", "audience": "Partners"}, None),
        ({"purpose": "p", "audience": "Nobody", "terms": "on"}, None),
        ({"purpose": "p", "audience": "Partners", "terms": "on", "calls_a_day": "1e9"}, None),
        (
            {
                "purpose": " p ",
                "audience": "Partners",
                "terms": "on",
                "calls_a_day": "5",
                "start": "2027-01-31",
            },
            {"purpose": "p", "audience": "Partners", "terms": True, "calls_a_day": 5, "start": "2027-01-31"},
        ),
    ],
)
def test_form_reads_what_was_typed_by_the_same_rules(typed, answers):
    asked = questions.read(json.dumps(EXAMPLE))
    form = AnswersForm(typed, questions=asked)
    assert form.is_valid() == (answers is not None), form.errors
    if answers:
        assert form.answers == answers
        assert questions.kept(asked, form.answers) == answers
