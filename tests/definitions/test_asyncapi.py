"""AsyncAPI 2 and 3."""

from apis.definitions import Operation, Server, parse


def test_asyncapi_2_is_read_from_the_providers_side():
    found = parse(
        """
asyncapi: 2.6.0
info: {title: Events, version: "1"}
servers:
  live: {url: events.example, protocol: mqtt, description: Live}
channels:
  orders/{id}:
    subscribe: {operationId: hear, summary: Hear, security: [{oauth: [events:read]}]}
    publish: {operationId: tell}
components:
  securitySchemes:
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://x, scopes: {events:read: Hear}}}}
"""
    )
    assert found.format == "asyncapi-2.6"
    assert found.servers == (Server("mqtt://events.example", "Live"),)
    assert found.operations == (
        Operation("SEND", "/orders/{id}", "hear", "Hear", scopes=("events:read",)),
        Operation("RECEIVE", "/orders/{id}", "tell"),
    )
    assert found.scopes == {"events:read": "Hear"}
    assert found.findings == ()


def test_asyncapi_3_is_read():
    found = parse(
        """
asyncapi: 3.0.0
info: {title: Events, version: "1"}
servers:
  live: {host: events.example, protocol: https, pathname: /v1}
channels:
  orders: {address: orders/all}
  plain: {}
operations:
  hear:
    action: send
    channel: {$ref: '#/channels/orders'}
    security: [{$ref: '#/components/securitySchemes/oauth'}]
  tell:
    action: receive
    channel: {$ref: '#/channels/plain'}
components:
  securitySchemes:
    oauth:
      type: oauth2
      scopes: [events:read]
      flows: {clientCredentials: {tokenUrl: https://x, availableScopes: {events:read: Hear}}}
"""
    )
    assert found.format == "asyncapi-3.0"
    assert found.servers == (Server("https://events.example/v1"),)
    assert found.operations == (
        Operation("SEND", "/orders/all", "hear", scopes=("events:read",)),
        Operation("RECEIVE", "/plain", "tell"),
    )
    assert found.scopes == {"events:read": "Hear"}
    assert found.findings == ()


def test_schemas_and_examples_are_named():
    components = (
        "components: {schemas: {Pet: {}}, messages: {made: {name: Made, examples: [{name: one}, {}]}}}\n"
    )
    head = 'info: {title: T, version: "1"}\n'
    two = parse(
        "asyncapi: 2.6.0\n"
        + head
        + components
        + "channels: {c: {publish: {message: {oneOf: [{$ref: '#/components/messages/made'}, {examples: [{}]}]}}}}\n"
    )
    three = parse(
        "asyncapi: 3.0.0\n"
        + head
        + components
        + "channels: {c: {messages: {plain: {examples: [{name: x}]}}}}\noperations:\n"
        + "  all: {action: send, channel: {$ref: '#/channels/c'}}\n"
        + "  own: {action: receive, channel: {$ref: '#/channels/c'}, messages: [{$ref: '#/components/messages/made'}]}\n"
    )
    assert two.schemas == three.schemas == ("Pet", "made")
    assert two.operations[0].examples == ("Made one", "Made", "message")
    assert [operation.examples for operation in three.operations] == [("plain x",), ("Made one", "Made")]
    assert two.findings == three.findings == ()


def test_operation_ids_and_scopes_are_checked():
    found = parse(
        """asyncapi: 2.6.0
info: {title: T, version: "1"}
channels:
  a:
    publish: {operationId: x}
    subscribe:
      operationId: x
      security:
        - o: [none]
components:
  securitySchemes: {o: {type: oauth2, flows: {f: {scopes: {}}}}}
"""
    )
    assert {finding.code: finding.line for finding in found.findings} == {
        "duplicate-operation-id": 5,
        "undefined-scope": 9,
    }


def test_asyncapi_3_imperfections_are_found():
    found = parse(
        """asyncapi: 3.0.0
info: {title: Events, version: "1"}
operations:
  lost:
    action: send
    channel: {$ref: '#/channels/none'}
  odd:
    action: whisper
"""
    )
    assert {finding.code: finding.line for finding in found.findings} == {
        "broken-ref": 6,
        "missing-channel": 6,
        "unknown-action": 7,
    }
