"""Any text in any language, found by hypothesis, and a megabyte of whatever costs most: it is read or refused.

PORTICO_FUZZ_EXAMPLES is how many texts are tried, over all languages together: 1,000 where it is not given.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from apis import definitions
from apis.definitions import sandbox
from apis.definitions.parsed import as_plain, from_plain
from portal.errors import Invalid
from portal.safeyaml import UNSTORABLE
from tests.definitions.drafts import LANGUAGES, broken
from tests.definitions.megabytes import MEGABYTES

TRIED = int(os.environ.get("PORTICO_FUZZ_EXAMPLES", "1000"))
ANYTHING = {
    "characters": st.text(max_size=200),
    "bytes": st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    "anything": st.sampled_from(
        ["openapi: 3.0.0\n", '{"swagger": "2.0",', "<", "type Q", "package a;"]
    ).flatmap(lambda head: st.text(max_size=100).map(head.__add__)),
}
TEXTS = ANYTHING | {name: broken(texts) for name, texts in LANGUAGES.items()}
TRY = settings(
    max_examples=max(1, TRIED // len(TEXTS)),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# What a megabyte may take, on top of the 30 MB of an idle reader, and of the processor's time. The reader holds itself
# to both. It is 1 s on a quiet machine; on one whose other half is busy the same work counts nearly twice.
MOST_SECONDS = 2.0
MOST_BYTES = 170 * 1024 * 1024


@pytest.fixture(scope="module")
def _closed() -> Iterator[None]:
    yield
    sandbox.close()


def check(text: str) -> None:
    """Reads the text. Fails where anything but Invalid is raised, or what is found is of no use."""
    found: Any
    try:
        found = definitions.parse(text)
    except Invalid as error:
        found = error
    if isinstance(found, Invalid):
        check_refusal(found, text)
    else:
        check_definition(found, text)


def check_refusal(error: Invalid, text: str) -> None:
    assert 0 <= getattr(error, "line", 0) <= last_line(text)
    assert not UNSTORABLE.search(error.message + error.remedy)
    assert len(error.message) < 2_000


def check_definition(definition: definitions.Definition, text: str) -> None:
    plain = json.loads(json.dumps(as_plain(definition)))
    assert from_plain(plain) == definition
    assert not any(UNSTORABLE.search(found) for found in texts_in(plain))
    for finding in definition.findings:
        assert 1 <= (finding.line or 1) <= last_line(text), finding
    assert len({(operation.method, operation.path) for operation in definition.operations}) == len(
        definition.operations
    )


def last_line(text: str) -> int:
    """The line after the last one, where a reader may be surprised by the end. YAML ends lines at all of these."""
    return 2 + sum(text.count(end) for end in "\n\r\x85\u2028\u2029")


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield name
            yield from texts_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts_in(entry)


@pytest.mark.parametrize("language", TEXTS)
def test_any_text_is_read_or_refused(language: str):
    @TRY
    @given(text=TEXTS[language])
    def attempt(text: str) -> None:
        check(text)

    attempt()


@pytest.mark.usefixtures("_closed")
@pytest.mark.parametrize("name", MEGABYTES)
def test_a_megabyte_of_harm_is_answered_within_the_limits(name: str):
    refused = ""
    try:
        sandbox.parse(MEGABYTES[name](), seconds=MOST_SECONDS, work_bytes=MOST_BYTES)
    except Invalid as error:
        refused = error.message
    assert "takes more" not in refused
