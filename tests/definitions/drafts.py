"""Definitions that hypothesis makes up: nearly right, in every language, and then broken."""

import json
from typing import Any

import yaml
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "id", "Pet", "o", "x-y", "200", "default", "$ref", "get", "é", ""])
TEXTS = st.sampled_from(["text", "2019-02-31", "NO", "1.0", "{a}", "a\nb", "é", "\u202e", ""]) | st.text(
    max_size=6
)
REFS = st.sampled_from(
    [
        "#",
        "#/",
        "#/paths/~1a",
        "#/components/schemas/Pet",
        "#/components/schemas/Pet/properties/a",
        "#/components/parameters/id",
        "#/components/messages/a",
        "#/channels/a",
        "#/definitions/Pet",
        "other.yaml#/a",
        "#/paths/%7e1a",
    ]
)
REF = st.builds(lambda target: {"$ref": target}, REFS)
ODD = (
    st.sampled_from([None, True, -1, 0, 1.5, 10**30, "", "x", [], {}, [[]], {"": None}, {"$ref": 7}])
    | st.integers()
    | TEXTS
    | REF
)


def mapped(values: Any, names: Any = NAMES, most: int = 3) -> Any:
    return st.dictionaries(names, values, max_size=most)


def shaped(**fields: Any) -> Any:
    """A mapping with some of the fields."""
    return st.fixed_dictionaries({}, optional={name.rstrip("_"): value for name, value in fields.items()})


def or_odd(values: Any) -> Any:
    """Usually one of the values."""
    return st.integers(0, 9).flatmap(lambda drawn: ODD if drawn == 0 else values)


SCHEMA = st.recursive(
    shaped(type=st.sampled_from(["string", "object", "array"]), example=TEXTS, format=TEXTS) | REF,
    lambda inner: shaped(properties=mapped(inner), items=inner, allOf=st.lists(inner, max_size=2)),
    max_leaves=4,
)
EXAMPLES = mapped(shaped(value=TEXTS, summary=TEXTS))
MEDIA = shaped(schema=or_odd(SCHEMA), example=TEXTS, examples=or_odd(EXAMPLES))
CONTENT = mapped(or_odd(MEDIA), st.sampled_from(["application/json", "text/plain", "*/*"]))
PARAMETER = REF | shaped(
    name=or_odd(NAMES),
    in_=st.sampled_from(["path", "query", "body"]),
    schema=SCHEMA,
    example=TEXTS,
    examples=or_odd(EXAMPLES),
)
SECURITY = st.lists(or_odd(mapped(st.lists(or_odd(TEXTS), max_size=2), most=2)), max_size=2)
RESPONSES = mapped(
    or_odd(
        REF
        | shaped(description=TEXTS, content=or_odd(CONTENT), examples=or_odd(mapped(TEXTS)), schema=SCHEMA)
    ),
    st.sampled_from(["200", 200, "default", "x-y"]),
)
OPERATION = shaped(
    operationId=or_odd(NAMES),
    summary=or_odd(TEXTS),
    description=or_odd(TEXTS),
    deprecated=or_odd(st.booleans()),
    security=or_odd(SECURITY),
    parameters=or_odd(st.lists(or_odd(PARAMETER), max_size=2)),
    requestBody=or_odd(REF | shaped(content=or_odd(CONTENT))),
    responses=or_odd(RESPONSES),
)
ITEM = REF | shaped(
    get=or_odd(OPERATION), post=or_odd(OPERATION), trace=OPERATION, parameters=st.lists(PARAMETER, max_size=2)
)
PATHS = mapped(or_odd(ITEM), st.sampled_from(["/a", "/a/{id}", "a", "//a", "/{a}{a}", "x-a", "", 7]))
INFO = or_odd(shaped(title=or_odd(TEXTS), version=or_odd(TEXTS), description=or_odd(TEXTS)))
FLOW = shaped(
    scopes=or_odd(mapped(or_odd(TEXTS)) | st.lists(TEXTS, max_size=2)), availableScopes=or_odd(mapped(TEXTS))
)
SCHEME = REF | shaped(
    type=st.sampled_from(["oauth2", "openIdConnect", "apiKey", "http"]),
    flows=or_odd(mapped(or_odd(FLOW))),
    scopes=or_odd(mapped(TEXTS) | st.lists(or_odd(TEXTS), max_size=2)),
)
MESSAGE = REF | shaped(name=or_odd(TEXTS), examples=or_odd(st.lists(or_odd(shaped(name=TEXTS)), max_size=2)))
COMPONENTS = or_odd(
    shaped(
        schemas=or_odd(mapped(or_odd(SCHEMA))),
        parameters=mapped(PARAMETER),
        securitySchemes=or_odd(mapped(or_odd(SCHEME))),
        messages=or_odd(mapped(or_odd(MESSAGE))),
    )
)
VARIABLES = mapped(or_odd(shaped(default=or_odd(TEXTS))))
SERVERS = st.lists(
    or_odd(shaped(url=or_odd(TEXTS), description=or_odd(TEXTS), variables=or_odd(VARIABLES))), max_size=2
)
OPENAPI = st.builds(
    lambda version, rest: {"openapi": version} | rest,
    or_odd(st.sampled_from(["3.0.3", "3.1.0", "3.2.0", 3.1])),
    shaped(
        info=INFO,
        servers=or_odd(SERVERS),
        security=or_odd(SECURITY),
        paths=or_odd(PATHS),
        components=COMPONENTS,
    ),
)
SWAGGER = st.builds(
    lambda rest: {"swagger": "2.0"} | rest,
    shaped(
        info=INFO,
        host=or_odd(TEXTS),
        basePath=or_odd(TEXTS),
        schemes=or_odd(st.lists(or_odd(TEXTS), max_size=2)),
        security=or_odd(SECURITY),
        paths=or_odd(PATHS),
        definitions=or_odd(mapped(or_odd(SCHEMA))),
        securityDefinitions=or_odd(mapped(or_odd(SCHEME))),
    ),
)
BROKERS = or_odd(
    mapped(
        or_odd(shaped(url=or_odd(TEXTS), host=or_odd(TEXTS), protocol=or_odd(TEXTS), pathname=or_odd(TEXTS)))
    )
)
SPOKEN = shaped(
    operationId=or_odd(NAMES),
    security=or_odd(SECURITY),
    message=or_odd(MESSAGE | shaped(oneOf=or_odd(st.lists(MESSAGE, max_size=2)))),
)
ASYNCAPI_2 = st.builds(
    lambda rest: {"asyncapi": "2.6.0"} | rest,
    shaped(
        info=INFO,
        servers=BROKERS,
        components=COMPONENTS,
        channels=or_odd(mapped(or_odd(REF | shaped(publish=or_odd(SPOKEN), subscribe=or_odd(SPOKEN))))),
    ),
)
ASYNCAPI_3 = st.builds(
    lambda rest: {"asyncapi": "3.0.0"} | rest,
    shaped(
        info=INFO,
        servers=BROKERS,
        components=COMPONENTS,
        channels=or_odd(
            mapped(or_odd(REF | shaped(address=or_odd(TEXTS), messages=or_odd(mapped(or_odd(MESSAGE))))))
        ),
        operations=or_odd(
            mapped(
                or_odd(
                    shaped(
                        action=or_odd(st.sampled_from(["send", "receive"])),
                        channel=or_odd(REF),
                        operationId=or_odd(NAMES),
                        security=or_odd(st.lists(or_odd(SCHEME), max_size=2)),
                        messages=or_odd(st.lists(or_odd(REF), max_size=2)),
                    )
                )
            )
        ),
    ),
)


def as_json(document: Any) -> str:
    return json.dumps(document, indent=1)


def as_yaml(document: Any) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def written(documents: Any) -> Any:
    """The documents as text, as JSON or as YAML."""
    return st.builds(lambda document, form: form(document), documents, st.sampled_from([as_json, as_yaml]))


def words(*parts: str, most: int = 30) -> Any:
    """A text of such words."""
    return st.lists(st.sampled_from(parts), max_size=most).map(" ".join)


SDL = words(
    "type Query {", "type Mutation {", "extend type Query {", "a" * 201 + ": Int", "schema { query: Query }", "}", "a: Int", "b(c: [Int!]! = 1): B",
    '"text"', '"""\ntext\n"""', "@deprecated", "# no\n", "union A = B | C", "enum E { A B }", "scalar", "input I {", "\n",
    "directive @a on FIELD", "interface type implements A & B {", "{", '"\\u0000"', "$",
).map("type Query { a: Int }\n".__add__)  # fmt: skip
WSDL = words(
    "<portType>", "</portType>", "<binding>", "</binding>", "<operation name='a'>", "<operation name='b'/>", "</operation>",
    "<s:operation soapAction='x'/>", "<service name='S'>", "</service>", "<s:address location='http://a'/>", "<documentation>",
    "</documentation>", "text", "&amp;", "&b;", "<![CDATA[", "]]>", "<!--", "-->", "<import location='x'/>", "<?p?>", "\n",
).map(
    lambda inside: (
        "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/' xmlns:s='http://schemas.xmlsoap.org/wsdl/soap/'>"
        f"{inside}</definitions>"
    )
)  # fmt: skip
PROTOBUF = words(
    "package a.b;", "service S {", "rpc Get (A) returns (stream B);", "rpc Get (A) returns (B) {", "}", "{", ";", "message A {",
    "string a = 1;", "enum E {", "option (a) = {", "/*", "*/", "// no\n", '"', "'", "\\", "rpc", "service", "syntax =", "\n", "é",
).map('syntax = "proto3";\n'.__add__)  # fmt: skip
LANGUAGES = {
    "openapi": written(OPENAPI),
    "swagger": written(SWAGGER),
    "asyncapi-2": written(ASYNCAPI_2),
    "asyncapi-3": written(ASYNCAPI_3),
    "graphql": SDL,
    "wsdl": WSDL,
    "protobuf": PROTOBUF,
}
PIECES = st.sampled_from(
    [":", "\n", "{", "}", "[", "]", '"', "'", "&a ", "*a", "!!", "<<: ", "- ", "#", "\\", "\x00", "\ud800", "\t", "%TAG", "---\n", " 2024-02-30\n"]
) | st.text(max_size=3)  # fmt: skip


@st.composite
def broken(draw: Any, texts: Any) -> str:
    """A text, in most cases with a few places of it cut out, said twice or overwritten."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 20)))
        middle = draw(st.sampled_from(["", text[at:end] * 2]) | PIECES)
        text = text[:at] + middle + text[end:]
    return text
