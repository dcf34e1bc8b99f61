"""The YAML reader that everything from strangers goes through."""

import pytest

from portal import safeyaml
from portal.safeyaml import BadYaml, load


def test_scalars_are_what_json_can_hold() -> None:
    text = """
    date: 2019-02-31T23:59:60Z
    binary: !!binary aGk=
    infinite: [.inf, -.inf, .nan, 1e999]
    numbers: [0, -1, 0x1F, 0o17, 012, 1.5, 1e3, .5]
    words: [NO, yes, on, 1:20, 1_000, ~]
    booleans: [true, False, TRUE]
    text: ["1", '2', !!str 3]
    200: code
    "201": text
    """
    assert load(text) == {
        "date": "2019-02-31T23:59:60Z",
        "binary": "aGk=",
        "infinite": [".inf", "-.inf", ".nan", "1e999"],
        "numbers": [0, -1, 31, 15, 12, 1.5, 1000.0, 0.5],
        "words": ["NO", "yes", "on", "1:20", "1_000", None],
        "booleans": [True, False, True],
        "text": ["1", "2", "3"],
        200: "code",
        "201": "text",
    }


def test_kubectl_reads_keys_as_text_and_yes_as_true() -> None:
    assert load("200: x\non: Yes\nNO: off", kubectl=True) == {"200": "x", "on": True, "NO": False}


def test_aliases_and_merges() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, x: 3}\ntwo: {<<: [{x: 9}, *b]}\nthree: *b"
    assert load(text) == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 3, "y": 2},
        "two": {"x": 9, "y": 2},
        "three": {"x": 1, "y": 2},
    }


def test_json() -> None:
    assert load('{"a": [1, 2.5, "x", null, true], "200": NaN}') == {
        "a": [1, 2.5, "x", None, True],
        "200": "NaN",
    }


def test_empty() -> None:
    assert load("") is None
    assert load("\ufeff# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: c: d\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 1\nb: *nothing\n", 2),
        ("a:\n  b: &x [*x]\n", 2),
        ("a: !!python/name:os.system x\n", 1),
        ("a: 1\nb: !thing {}\n", 2),
        ("? [a]\n: b\n", 1),
        ('a: 1\nb: "\\0"\n', 2),
        ("a: " + "[" * 300, 1),
        ("<<: 1\n", 1),
        ("a: \x07", 0),
        ('{"a": "\\u0000"}', 0),
        ('{"a": "\\ud800"}', 0),
        ("[" * 100_000 + "]" * 100_000, 0),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, 0),
    ],
)
def test_refused_with_its_line(text, line) -> None:
    with pytest.raises(BadYaml) as refused:
        load(text)
    assert refused.value.line == line
    assert refused.value.message


def test_limits() -> None:
    with pytest.raises(BadYaml, match="larger than"):
        load("é" * 600, max_bytes=1000)
    with pytest.raises(BadYaml, match="more than 10 values"):
        load("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", max_nodes=10)
    with pytest.raises(BadYaml, match="more than 20 values"):
        load("a: &a [1, 2, 3, 4, 5]\nb: [*a, *a, *a]", max_nodes=20)


def test_number_without_end_stays_text() -> None:
    assert load("a: " + "9" * 5000) == {"a": "9" * 5000}
    assert load('{"a": ' + "9" * 5000 + "}") == {"a": "9" * 5000}


def test_split_keeps_lines() -> None:
    text = "%YAML 1.2\n---\n# one\na: |\n  text\n   ---\n--- # two\n\nb: 2\n---\n# nothing\n---\nc: 3"
    chunks = list(safeyaml.split(text))
    assert [(chunk.line, load(chunk.text)) for chunk in chunks] == [
        (4, {"a": "text\n ---\n"}),
        (9, {"b": 2}),
        (13, {"c": 3}),
    ]
