"""A megabyte of what costs most, in every language: the texts that the readers' limits were measured with."""

import json
from collections.abc import Callable
from typing import Any

SIZE = 1_000_000
OPENAPI = '{"openapi":"3.0.0","info":{"title":"T","version":"1"},'
WSDL = "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'"
SOAP = " xmlns:s='http://schemas.xmlsoap.org/wsdl/soap/'"


def many(part: str, *, before: str = "", after: str = "", size: int = SIZE) -> str:
    """A part again and again between two others."""
    return before + part * ((size - len(before) - len(after)) // len(part)) + after


def counted(part: str, *, before: str = "", after: str = "", size: int = SIZE) -> str:
    """The same with another number in each; %d in the part stands for it."""
    length = len(part % 100_000)
    inside = "".join(part % number for number in range(100_000, 100_000 + size // length))
    return before + inside + after


def openapi(**parts: Any) -> str:
    return json.dumps({"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, **parts})


def chain() -> str:
    """Every path by a reference that leads to the next, all the way."""
    links = {f"/{n}": {"$ref": f"#/paths/~1{n + 1}"} for n in range(25_000)}
    return openapi(paths=links)


def shared_path_item() -> str:
    """One path item with long texts and many scopes, named by every path."""
    item = {
        method: {"description": "d" * 20_000, "security": [{"o": [f"s{n}" for n in range(500)]}]}
        for method in ("get", "put", "post")
    }
    paths = {f"/{n}": {"$ref": "#/x-i"} for n in range(25_000)}
    return openapi(**{"x-i": item}, paths=paths)


def shared_scopes() -> str:
    """Scopes for everything, and many operations."""
    paths = {f"/{n}": {"get": {}} for n in range(25_000)}
    return openapi(security=[{"o": [f"scope{n}" for n in range(25_000)]}], paths=paths)


def shared_schemes() -> str:
    """Many security schemes that are one with many scopes."""
    scheme = {"type": "oauth2", "flows": {"f": {"scopes": {f"s{n}": "" for n in range(40_000)}}}}
    named = {f"o{n}": {"$ref": "#/x-s"} for n in range(10_000)}
    return openapi(**{"x-s": scheme}, paths={"/": {"get": {}}}, components={"securitySchemes": named})


def shared_parameters() -> str:
    """Many parameters by reference, in many operations."""
    stated = [{"name": f"p{n}", "in": "path"} for n in range(8_000)]
    item = {"parameters": stated, **{m: {} for m in ("get", "put", "post", "head", "patch", "trace")}}
    paths = {f"/{n}": {"$ref": "#/x-i"} for n in range(15_000)}
    return openapi(**{"x-i": item}, paths=paths)


def shared_long_names() -> str:
    """Long names of examples and of a channel, which many operations share."""
    answer = {"content": {f"{'m' * 20_000}{n}": {"examples": {"e" * 400: {}}} for n in range(20)}}
    paths = {f"/{n}": {"get": {"responses": {"200": {"$ref": "#/x-a"}}}} for n in range(9_000)}
    return openapi(**{"x-a": answer}, paths=paths)


def shared_channel() -> str:
    """One operation on a channel with a name of half a megabyte, under many names."""
    name = "c" * 250_000
    one = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
    operations = {f"o{n}": {"$ref": "#/x-o"} for n in range(18_000)}
    return json.dumps({"asyncapi": "3.0.0", "channels": {name: {}}, "x-o": one, "operations": operations})


def nested_urls() -> str:
    """Server variables that stand for one another."""
    variables = {f"v{n}": {"default": f"{{v{n + 1}}}" * 80} for n in range(1_000)}
    return openapi(paths={}, servers=[{"url": "{v0}" * 500, "variables": variables}] * 2)


def aliased_pointer() -> str:
    """A pointer of half a megabyte that many references share."""
    pointer = "#/paths" + "/a" * 250_000
    return f'openapi: 3.0.0\nx: &a "{pointer}"\npaths:\n' + counted("  /%d: {$ref: *a}\n", size=480_000)


def aliased_text() -> str:
    """A long description that many operations share."""
    head = f"openapi: 3.0.0\nx: &a {'d' * 20_000}\npaths:\n"
    return head + counted("  /%d: {get: {description: *a}}\n", size=SIZE - len(head))


def long_key() -> str:
    """A key of half a megabyte above many findings."""
    return (
        f'openapi: 3.0.0\npaths:\n  ? "/{"k" * 500_000}"\n  : get: {{security: [{{o: ['
        + "7,      " * 60_000
        + "]}]}\n"
    )


def deep_lists() -> str:
    """Many parts of a document below nearly as many levels as it may have."""
    return '{"openapi":"3.0.0","x":' + "[" * 190 + many("{},", size=600_000) + "{}" + "]" * 190 + "}"


def deep_findings() -> str:
    """Broken references deep down, in YAML, so that their lines have to be looked for."""
    return "openapi: 3.0.0\nx: " + "[" * 190 + many("{$ref: '#/abcdefgh'},", size=900_000) + "]" * 190 + "\n"


def tags() -> str:
    """Tags that YAML writes out before every key."""
    return f"%TAG !a! tag:yaml.org,2002:{'x' * 400_000}\n---\nopenapi: 3.0.0\n" + counted(
        "!a!x k%d: 1\n", size=500_000
    )


def namespaces() -> str:
    """A namespace that expat writes out before every name."""
    return f"{WSDL} xmlns:n='{'x' * 400_000}'>" + many("<n:a/>", size=500_000) + "</definitions>"


JSON: dict[str, Callable[[], str]] = {
    "values": lambda: many("0,", before=OPENAPI + '"x":[', after="0]}"),
    "values-unclosed": lambda: many("0,", before=OPENAPI + '"x":['),
    "mappings": lambda: many("{},", before=OPENAPI + '"x":[', after="{}]}"),
    "keys": lambda: counted('"%d":0,', before=OPENAPI + '"x":{', after='"a":0}}'),
    "same-key": lambda: many('"a":{},', before=OPENAPI + '"x":{', after='"a":0}}'),
    "escapes": lambda: many("\\u00e9", before=OPENAPI + '"x":"', after='"}'),
    "numbers": lambda: many("1e999,", before=OPENAPI + '"x":[', after="0]}"),
    "digits": lambda: many("9", before=OPENAPI + '"x":', after="}"),
    "blanks": lambda: many(" ", before=OPENAPI, after='"paths":{"/":7}}'),
    "broken-refs": lambda: many('{"$ref":"#/q"},', before=OPENAPI + '"x":[', after="0]}"),
    "other-refs": lambda: counted('{"$ref":"#/q/%d/r"},', before=OPENAPI + '"x":[', after="0]}"),
    "operations": lambda: counted(
        '"/%d":{"get":{},"put":{}},', before=OPENAPI + '"paths":{', after='"x-":0}}'
    ),
    "parameters": lambda: counted('"/%d/{a}":{"get":{}},', before=OPENAPI + '"paths":{', after='"x-":0}}'),
    "template": lambda: openapi(paths={"/" + "{a}" * 166 + str(n): {"get": {}} for n in range(1_900)}),
    "schemas": lambda: counted('"%d":{},', before=OPENAPI + '"components":{"schemas":{', after='"x-":0}}}'),
    "chain": chain,
    "shared-path-item": shared_path_item,
    "shared-scopes": shared_scopes,
    "shared-schemes": shared_schemes,
    "shared-parameters": shared_parameters,
    "shared-long-names": shared_long_names,
    "nested-urls": nested_urls,
    "deep-lists": deep_lists,
}
YAML: dict[str, Callable[[], str]] = {
    "flow": lambda: many("a,", before="openapi: 3.0.0\nx: [", after="]"),
    "flow-allowed": lambda: many("abcdef,", before="openapi: 3.0.0\npaths: 7\nx: [", after="]"),
    "flow-mappings": lambda: many("{},", before="openapi: 3.0.0\nx: [", after="]"),
    "flow-deep": lambda: many("1,", before="openapi: 3.0.0\nx: " + "[" * 195, after="]" * 195),
    "flow-unclosed": lambda: many("[", before="openapi: 3.0.0\nx: "),
    "block": lambda: many("- a\n", before="openapi: 3.0.0\nx:\n"),
    "block-allowed": lambda: many("- abcd\n", before="openapi: 3.0.0\npaths: 7\nx:\n"),
    "findings": lambda: counted("  ab%d: 7\n", before="openapi: 3.0.0\npaths:\n"),
    "operations": lambda: counted(
        "  /%d: {get: {summary: Get it now!!}}\n", before="openapi: 3.0.0\npaths:\n"
    ),
    "newlines": lambda: "openapi: 3.0.0\n" + "\n" * SIZE,
    "comments": lambda: many("#\n", before="openapi: 3.0.0\n"),
    "escapes": lambda: many("\\u00e9", before='openapi: 3.0.0\nx: "', after='"\n'),
    "lines-of-text": lambda: many("  a\n", before="openapi: 3.0.0\nx: |\n"),
    "lines-of-plain": lambda: many("  a\n", before="openapi: 3.0.0\nx:\n"),
    "directives": lambda: counted("%%TAG !a%d! x\n", after="--- {openapi: 3.0.0}\n"),
    "anchors": lambda: counted("- &a%d x\n", before="openapi: 3.0.0\nx:\n"),
    "aliases": lambda: many("- *a\n", before="openapi: 3.0.0\ny: &a [x, y]\nx:\n"),
    "merges": lambda: many(
        "- <<: *a\n",
        before="openapi: 3.0.0\ny: &a {" + "".join(f"k{n}: 1, " for n in range(5_000)) + "}\nx:\n",
    ),
    "dates": lambda: many("- 2024-02-28\n", before="openapi: 3.0.0\npaths: 7\nx:\n") + "- 2024-02-30\n",
    "documents": lambda: many("---\n", before="openapi: 3.0.0\n"),
    "keys": lambda: many("? ", before="openapi: 3.0.0\n"),
    "aliased-pointer": aliased_pointer,
    "aliased-text": aliased_text,
    "long-key": long_key,
    "deep-findings": deep_findings,
    "tags": tags,
}
ASYNCAPI: dict[str, Callable[[], str]] = {
    "channels": lambda: counted(
        '"%d":{"publish":{}},', before='{"asyncapi":"2.6.0","channels":{', after='"a":0}}'
    ),
    "operations": lambda: counted(
        '"o%d":{"action":"send"},', before='{"asyncapi":"3.0.0","operations":{', after='"a":0}}'
    ),
    "shared-messages": lambda: counted(
        '"o%d":{"action":"send","channel":{"$ref":"#/channels/c"}},',
        before='{"asyncapi":"3.0.0","channels":{"c":{"messages":{'
        + ",".join(f'"m{n}":{{"examples":[]}}' for n in range(10_000))
        + '}}},"operations":{',
        after='"a":0}}',
        size=700_000,
    ),
    "shared-channel": shared_channel,
    "servers": lambda: counted(
        '"%d":{"url":"u"},', before='{"asyncapi":"2.6.0","servers":{', after='"a":0}}'
    ),
}
GRAPHQL: dict[str, Callable[[], str]] = {
    "fields": lambda: many("a:B ", before="type Query{", after="}"),
    "fields-allowed": lambda: counted("a%d:B ", before="type Query{", after="}", size=250_000),
    "long-names": lambda: counted("a%0201d:B\n", before="type Query{", after="}"),
    "arguments": lambda: counted("f%d(a:B c:D):E ", before="type Query{", after="}"),
    "types": lambda: counted("scalar A%d ", before="type Query{a:B}"),
    "types-allowed": lambda: counted(
        "scalar Abcdefghijkl%d#%100d\n".replace("#%100d", " " * 60), before="type Query{a:B}"
    ),
    "roots": lambda: counted("extend type Query{a%d:B}", before="type Query{a:B}"),
    "enum": lambda: many("B ", before="type Query{a:B} enum A{", after="}"),
    "braces": lambda: many("{}", before="type Query{a:B}"),
    "brackets": lambda: many("[", before="type Query{a:"),
    "strings": lambda: many('""', before="type Query{a:B "),
    "unclosed-string": lambda: many('\\"', before='type Query{a:B """'),
    "block-string": lambda: many("\n a", before='type Query{"""', after='"""a:B}'),
    "escapes": lambda: many("\\u0041", before='type Query{"', after='"a:B}'),
    "comments": lambda: many("#\n", before="type Query{a:B}"),
    "quotes": lambda: many('"', before="type Query{a:B}"),
    "list-value": lambda: many("1 ", before="type Query{a(b:C=[", after="]):D}"),
}
XML: dict[str, Callable[[], str]] = {
    "elements": lambda: many("<a/>", before=f"{WSDL}>", after="</definitions>"),
    "operations": lambda: counted(
        "<operation name='o%d'/>", before=f"{WSDL}><portType>", after="</portType></definitions>"
    ),
    "attributes": lambda: counted("a%d=''", before=f"{WSDL} ", after="/>").replace("''a", "'' a"),
    "declarations": lambda: counted(" xmlns:a%d='u'", before=WSDL, after="/>"),
    "text": lambda: many(
        "a<!---->", before=f"{WSDL}><documentation>{'a' * 19_000}", after="</documentation></definitions>"
    ),
    "entities": lambda: many(
        "&amp;", before=f"{WSDL}><documentation>", after="</documentation></definitions>"
    ),
    "addresses": lambda: counted(
        "<s:address location='u%d'/>", before=f"{WSDL}{SOAP}>", after="</definitions>"
    ),
    "schemas": lambda: counted(
        "<element name='e%d'/>",
        before=f"{WSDL}><schema xmlns='http://www.w3.org/2001/XMLSchema'>",
        after="</schema></definitions>",
    ),
    "imports": lambda: many("<import location='u'/>", before=f"{WSDL}>", after="</definitions>"),
    "unclosed": lambda: many("<a>", before=f"{WSDL}>"),
    "namespaces": namespaces,
}
PROTOBUF: dict[str, Callable[[], str]] = {
    "braces": lambda: many("{;}", before="package a;"),
    "statements": lambda: many(";", before="package a;"),
    "words": lambda: many("a ", before="package a;"),
    "methods": lambda: counted("rpc M%d(A)returns(B);", before="package a;service S{", after="}"),
    "same-methods": lambda: many("rpc M(A)returns(B);", before="package a;service S{", after="}"),
    "messages": lambda: counted("message M%d{}", before="package a;"),
    "services": lambda: counted("service S%d{}", before="package a;"),
    "comments": lambda: many("/**/", before="package a;"),
    "unclosed-comment": lambda: many("*", before="package a;/*"),
    "strings": lambda: many('"\\', before="package a;"),
    "newlines": lambda: many("service\n"),
}
OTHER: dict[str, Callable[[], str]] = {
    "blanks": lambda: " " * SIZE,
    "letters": lambda: "a" * SIZE,
    "words": lambda: many("type\n"),
    "extends": lambda: "extend" + " " * SIZE,
    "packages": lambda: "package" + " " * SIZE,
    "unstorable": lambda: "a" * SIZE + "\x00",
}
LANGUAGES = {
    "json": JSON,
    "yaml": YAML,
    "asyncapi": ASYNCAPI,
    "graphql": GRAPHQL,
    "wsdl": XML,
    "protobuf": PROTOBUF,
    "other": OTHER,
}
MEGABYTES = {
    f"{language}-{name}": make for language, made in LANGUAGES.items() for name, make in made.items()
}
