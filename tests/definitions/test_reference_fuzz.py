"""Whatever a definition says, its Reference is drawn or refused. Far from tidy ones are found by hypothesis.

PORTICO_FUZZ_EXAMPLES is how many texts are tried, over all languages together: 400 where it is not given.
"""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from apis.definitions.reference import reference_of
from portal.errors import Invalid
from tests.definitions.drafts import LANGUAGES, ODD, REF, TEXTS, broken, mapped, or_odd, shaped
from tests.definitions.drawing import draw_all

TRIED = int(os.environ.get("PORTICO_FUZZ_EXAMPLES", "400"))
NUMBERS = or_odd(st.integers(-3, 30) | st.floats(-2, 2))
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"])
# Everything that a schema of OpenAPI 3.1 may say, and what those of 2 and 3.0 say otherwise.
SCHEMA = st.recursive(
    st.booleans()
    | REF
    | shaped(type=or_odd(TYPES | st.lists(TYPES, max_size=2)), format=TEXTS, enum=or_odd(st.lists(ODD))),
    lambda inner: shaped(
        type=TYPES,
        properties=or_odd(mapped(or_odd(inner))),
        required=or_odd(st.lists(TEXTS, max_size=2)),
        patternProperties=or_odd(mapped(inner, most=1)),
        additionalProperties=or_odd(inner),
        items=or_odd(inner | st.lists(inner, max_size=2)),
        prefixItems=or_odd(st.lists(inner, max_size=2)),
        allOf=or_odd(st.lists(inner, max_size=2)),
        oneOf=or_odd(st.lists(inner, max_size=3)),
        anyOf=or_odd(st.lists(inner, max_size=3)),
        not_=or_odd(inner),
        discriminator=or_odd(shaped(propertyName=TEXTS, mapping=or_odd(mapped(TEXTS)))),
        const=ODD,
        default=ODD,
        examples=or_odd(st.lists(ODD, max_size=2)),
        nullable=or_odd(st.booleans()),
        minimum=NUMBERS,
        exclusiveMinimum=NUMBERS | st.booleans(),
        multipleOf=NUMBERS,
        minLength=NUMBERS,
        maxLength=NUMBERS,
        maxItems=NUMBERS,
        description=or_odd(TEXTS),
        readOnly=or_odd(st.booleans()),
    ).map(lambda made: made | {"$ref": "#/components/schemas/Pet"} if made.get("nullable") is True else made),
    max_leaves=8,
)
MEDIA = mapped(
    or_odd(shaped(schema=SCHEMA, example=ODD)),
    st.sampled_from(["application/json", "multipart/form-data", "a/xml", "é"]),
)
RICH = st.builds(
    lambda schemas, content, parameters: json.dumps(
        {
            "openapi": "3.1.0",
            "paths": {
                "/a/{id}": {
                    "put": {
                        "parameters": parameters,
                        "requestBody": {"content": content},
                        "responses": {"200": {"content": content}},
                    }
                }
            },
            "components": {"schemas": schemas},
        }
    ),
    mapped(SCHEMA, st.sampled_from(["Pet", "id", "a/b", "o"])),
    or_odd(MEDIA),
    st.lists(
        shaped(
            name=TEXTS,
            in_=st.sampled_from(["path", "query", "header"]),
            schema=SCHEMA,
            required=st.booleans(),
        ),
        max_size=2,
    ).map(lambda many: [{name.rstrip("_"): value for name, value in one.items()} for one in many]),
)
TEXTS_OF = {name: broken(texts) for name, texts in LANGUAGES.items()} | {"rich": RICH}
TRY = settings(
    max_examples=max(1, TRIED // len(TEXTS_OF)),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("language", TEXTS_OF)
def test_reference_is_drawn_or_refused(language: str):
    @TRY
    @given(TEXTS_OF[language])
    def check(text: Any) -> None:
        try:
            reference = reference_of(text)
        except Invalid:
            return
        draw_all(reference)

    check()
