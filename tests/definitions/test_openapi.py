"""OpenAPI 2, 3.0 and 3.1: what is read, and what is found wrong at which line."""

import json
import textwrap

import pytest

from apis.definitions import Operation, Server, parse
from portal.errors import Invalid


def of(text: str):
    return parse(textwrap.dedent(text).lstrip())


def codes(definition) -> dict[str, int | None]:
    return {finding.code: finding.line for finding in definition.findings}


def test_openapi_30_is_read_whole():
    found = of(
        """
        openapi: 3.0.3
        info: {title: Shop, version: "1.2", description: Sells things.}
        servers:
          - url: https://{host}/v1
            description: Live
            variables: {host: {default: shop.example}}
        security: [{oauth: [shop:read]}]
        paths:
          x-note: not a path
          /items:
            parameters: []
            get: {operationId: list, summary: List, description: All, responses: {"200": {description: ok}}}
            post: {security: [{oauth: [shop:write, shop:read]}], deprecated: true}
          /health:
            get: {security: []}
        components:
          securitySchemes:
            oauth:
              type: oauth2
              flows: {clientCredentials: {tokenUrl: https://x, scopes: {shop:read: See, shop:write: Change}}}
        """
    )
    assert (found.format, found.title, found.version) == ("openapi-3.0", "Shop", "1.2")
    assert found.description == "Sells things."
    assert found.servers == (Server("https://shop.example/v1", "Live"),)
    assert found.operations == (
        Operation("GET", "/items", "list", "List", "All", ("shop:read",)),
        Operation("POST", "/items", scopes=("shop:write", "shop:read"), deprecated=True),
        Operation("GET", "/health"),
    )
    assert found.scopes == {"shop:read": "See", "shop:write": "Change"}
    assert found.findings == ()


def test_openapi_31_in_json_is_read():
    text = json.dumps(
        {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {"/a": {"get": {}}}}
    )
    assert parse(text).format == "openapi-3.1"
    assert [(operation.method, operation.path) for operation in parse(text).operations] == [("GET", "/a")]


def test_swagger_2_is_read():
    found = of(
        """
        swagger: "2.0"
        info: {title: T, version: "1"}
        host: shop.example
        basePath: /v1
        schemes: [https, http]
        securityDefinitions:
          oauth: {type: oauth2, flow: application, tokenUrl: https://x, scopes: {read: See}}
        paths:
          /a: {get: {security: [{oauth: [read]}]}}
        """
    )
    assert found.format == "openapi-2.0"
    assert [server.url for server in found.servers] == ["https://shop.example/v1", "http://shop.example/v1"]
    assert found.operations == (Operation("GET", "/a", scopes=("read",)),)
    assert found.scopes == {"read": "See"}
    assert found.findings == ()


def test_path_item_by_reference_is_followed():
    found = of(
        """
        openapi: 3.1.0
        info: {title: T, version: "1"}
        paths:
          /a: {$ref: "#/components/pathItems/both"}
        components:
          pathItems:
            both: {get: {operationId: one}}
        """
    )
    assert found.operations == (Operation("GET", "/a", "one"),)


HEAD = "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths:\n"


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("  /a:\n    get:\n      responses:\n        200: {description: ok}\n", "integer-response-key", 7),
        ("  /a:\n    get:\n      security: [{nobody: []}]\n", "undefined-security-scheme", 6),
        (
            "  /a: {get: {operationId: x}}\n  /b:\n    get:\n      operationId: x\n",
            "duplicate-operation-id",
            7,
        ),
        ("  /a:\n    get:\n      parameters:\n        - $ref: '#/components/none'\n", "broken-ref", 7),
        ("  /a:\n    get:\n      parameters:\n        - $ref: other.yaml#/x\n", "external-ref", 7),
        ("  /a:\n    get:\n      summary: [no text]\n", "wrong-type", 6),
        ("  /a:\n    get: 7\n", "wrong-type", 5),
        ("  /a: {get: {}}\n  a:\n    get: {}\n", "path-without-slash", 5),
        ("  {}\n", "no-operations", 1),
        ("  /a:\n    $ref: '#/paths/~1a'\n", "ref-cycle", 4),
        ("  /a: {get: {}}\n  a:\n    get: {}\n", "duplicate-operation", 6),
        (f"  /a: {{get: {{}}}}\n  /{'x' * 500}:\n    get: {{}}\n", "path-too-long", 6),
        ("  /a/{id}:\n    get:\n      summary: Get\n", "undeclared-path-parameter", 5),
        (
            "  /a:\n    get:\n      parameters:\n        - {name: q, in: query}\n        - {name: id, in: path}\n",
            "unknown-path-parameter",
            8,
        ),
        ("  /a:\n    parameters:\n      - {name: id, in: path}\n    get: {}\n", "unknown-path-parameter", 6),
    ],
)
def test_finding_has_its_line(body, code, line):
    assert codes(parse(HEAD + body)).get(code, "missing") == line


SCHEMES = (
    "components:\n  securitySchemes:\n    o: {type: oauth2, flows: {clientCredentials: {scopes: {read: See}}}}\n"
    "    c: {type: openIdConnect}\n    k: {type: apiKey}\n"
)


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        (
            "  /a:\n    get:\n      security:\n        - o:\n          - read\n          - write\n",
            "undefined-scope",
            9,
        ),
        ("  /a:\n    get:\n      security: [{c: [write], k: [role]}]\n", "undefined-scope", "missing"),
    ],
)
def test_scope_that_its_scheme_does_not_declare_is_found(body, code, line):
    assert codes(parse(HEAD + body + SCHEMES)).get(code, "missing") == line


def test_path_parameters_that_are_declared_anywhere_are_fine():
    found = of(
        """
        openapi: 3.0.0
        info: {title: T, version: "1"}
        paths:
          /{a}/{b}/{rest+}:
            parameters: [{name: a, in: path}, {$ref: '#/components/parameters/b'}]
            get: {parameters: [{name: rest, in: path}]}
          /{lost}:
            get: {parameters: [{$ref: 'other.yaml#/x'}]}
        components: {parameters: {b: {name: b, in: path}}}
        """
    )
    assert codes(found) == {"external-ref": 8}


def test_schemas_and_examples_are_named():
    found = of(
        """
        openapi: 3.1.0
        info: {title: T, version: "1"}
        paths:
          /a:
            parameters: [{name: q, in: query, example: 7}]
            post:
              parameters: [{name: r, in: query, examples: {one: {value: 1}, two: {value: 2}}}]
              requestBody: {$ref: '#/components/requestBodies/pet'}
              responses:
                "200":
                  description: ok
                  content:
                    application/json: {schema: {$ref: '#/components/schemas/Pet'}, examples: {cat: {}, dog: {}}}
                    text/plain: {example: A cat}
                default: {description: no}
        components:
          requestBodies: {pet: {content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}}
          schemas: {Pet: {example: {name: Tom}}, Error: true, x-note: 1}
        """
    )
    assert found.schemas == ("Pet", "Error")
    assert found.operations[0].examples == (
        "parameter q",
        "parameter r one",
        "parameter r two",
        "request application/json",
        "200 application/json cat",
        "200 application/json dog",
        "200 text/plain",
    )
    assert found.findings == ()


def test_schemas_and_examples_of_swagger_are_named():
    found = of(
        """
        swagger: "2.0"
        info: {title: T, version: "1"}
        paths:
          /a:
            post:
              parameters: [{name: body, in: body, schema: {$ref: '#/definitions/Pet'}}]
              responses: {default: {description: ok, examples: {application/json: {name: Tom}}}}
        definitions: {Pet: {example: {name: Tom}}}
        """
    )
    assert found.schemas == ("Pet",)
    assert found.operations[0].examples == ("request", "default application/json")


def test_finding_in_json_has_its_line():
    text = '{"openapi": "3.0.0",\n"info": {"title": "T",\n "version": 1.5},\n"paths": {"/a": {"get": {}},\n'
    text += '"/b": {"get": {"parameters": [\n{"name": "x", "in": "query"},\n{"$ref": "#/none"}]}}}}'
    assert codes(parse(text)) == {"number-for-text": 3, "broken-ref": 7}


def test_last_of_equal_keys_has_its_line():
    for text in (
        '{"openapi": "3.0.0",\n"paths": {},\n"info": {"title": "T",\n "version": 1,\n "version": 2}}',
        "openapi: 3.0.0\npaths: {}\ninfo:\n  version: 1\n  version: 2\n  title: T\n",
    ):
        assert codes(parse(text))["number-for-text"] == 5


def test_alternatives_with_different_scopes_use_the_first():
    found = of(
        """
        openapi: 3.0.0
        info: {title: T, version: "1"}
        paths: {/a: {get: {security: [{key: []}, {o: [read]}, {o: [admin]}]}}}
        components:
          securitySchemes: {o: {type: openIdConnect}, key: {type: apiKey}}
        """
    )
    assert found.operations[0].scopes == ("read",)
    assert "alternative-scopes" in codes(found)


def test_roles_of_a_key_are_no_scopes():
    found = of(
        """
        openapi: 3.1.0
        info: {title: T, version: "1"}
        paths: {/a: {get: {security: [{key: [admin]}]}}}
        components: {securitySchemes: {key: {type: apiKey, in: header, name: k}}}
        """
    )
    assert found.operations[0].scopes == ()


def test_number_as_version_is_taken_and_found():
    found = parse("openapi: 3.0.0\ninfo:\n  title: T\n  version: 1.5\npaths: {/a: {get: {}}}\n")
    assert found.version == "1.5"
    assert codes(found) == {"number-for-text": 4}


def test_missing_title_and_version_are_found():
    assert codes(parse("openapi: 3.0.0\npaths: {/a: {get: {}}}\n")) == {
        "missing-title": 1,
        "missing-version": 1,
    }


def test_date_that_does_not_exist_is_text():
    found = parse(HEAD + "  /a: {get: {summary: 2019-02-31T23:59:60Z}}\n")
    assert found.operations[0].summary == "2019-02-31T23:59:60Z"
    assert codes(found) == {"unreal-date": 4}


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("2024-02-30", [5]),
        ("2024-02-29", []),
        ("2023-02-29", [5]),
        ("0000-01-01", [5]),
        ("2024-13-01T10:00:00Z", [5]),
        ("2024-1-1 24:00:00", [5]),
        ("2024-1-1 23:00:00.5 +24:00", [5]),
        ("2024-1-1t23:00:00.5 -10", []),
        ("2024-2-30", []),  # without a time YAML asks for two digits
        ("2024-02-30x", []),
        ("v2024-02-30", []),
        ("on 2024-02-30", []),
        ("'2024-02-30'", []),
        ('"2024-02-30"', []),
        ("!!str 2024-02-30", []),
        ("|\n    2024-02-30\n", []),
        ("&a 2024-02-30", [5]),
        ("[2024-02-30, 'b',\n 2024-04-31]", [5, 6]),
        ("{2024-02-30: a}", [5]),
        ("2024-01-01\n    25:00:00", [5]),
        ("2024-01-01 # until 2024-02-30", []),
    ],
)
def test_unquoted_date_that_does_not_exist_is_found(written, lines):
    found = parse(HEAD + f"  /a: {{get: {{}}}}\nx-a: {written}\n").findings
    assert [(finding.code, finding.line) for finding in found] == [("unreal-date", line) for line in lines]


def test_dates_in_json_are_quoted():
    """Whatever stands around them looks like YAML."""
    text = '{"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": {"/a": {"get": {}}}, "x": "2024-02-30"}'
    assert parse(text).findings == ()
    assert parse("\ufeff" + text.replace('"x"', '"\\t, 2024-02-30 , "')).findings == ()
    assert codes(parse(text.replace('"2024-02-30"', "\n2024-02-30"))) == {"unreal-date": 2}


def test_no_more_findings_than_are_read():
    assert len(parse(HEAD + "  /a: {get: {}}\nx-a:\n" + "- 2024-02-30\n" * 150).findings) == 100


def test_same_operation_twice_counts_once():
    found = parse(HEAD + "  /a: {get: {summary: first}}\n  a: {get: {summary: second}}\n")
    assert [operation.summary for operation in found.operations] == ["first"]
    assert "duplicate-operation" in codes(found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("hello", 1),
        ("[]", 1),
        ("openapi: 4.0.0", 1),
        ("swagger: '1.2'", 1),
        ("openapi: {}", 1),
        ("openapi: 3.0.0\ninfo: {title: T\n", 3),
        ("openapi: 3.0.0\npaths:\n  /a: b: c\n", 3),
        ('{"openapi": "3.0.0",\n "paths": ]}', 2),
    ],
)
def test_hopeless_text_raises_with_line(text, line):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.line == line
