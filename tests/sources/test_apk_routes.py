"""What the routes of an API of APK say: Scopes, headers, rewriting and the rest of their filters."""

from typing import Any

import pytest

from apis.sources import HeaderRules, OperationScopes, Security
from apis.sources.apk.kinds import AUTHENTICATIONS
from tests.sources.apk import api, backend, extension, packed, policy, route, rule, scope
from tests.sources.objects import fields, published, reading
from tests.sources.test_apk_policies import found


def test_scopes_are_those_of_matching_operations():
    guarded = [extension("Scope", "read")]
    rules = (
        rule("/pets", "Exact", "GET", guarded),
        rule("/pets/([^/]+)", "RegularExpression", "GET", [extension("Scope", "one")]),
        rule("/", method="POST"),
    )
    api_found = found(scope("read", "pets:read"), scope("one", "pets:one"), rules=rules)
    assert api_found.security.scopes == (
        OperationScopes("GET", "/pets", ("pets:read",)),
        OperationScopes("GET", "/pets/{id}", ("pets:one",)),
    )
    assert api_found.stated_only == ()


def test_longest_prefix_decides_and_its_method_before_any():
    rules = (
        rule("/", filters=[extension("Scope", "read")]),
        rule("/pets/", method="POST", filters=[extension("Scope", "write")]),
        rule("/pets"),
    )
    api_found = found(scope("read", "r"), scope("write", "w"), rules=rules)
    assert api_found.security.scopes == (OperationScopes("POST", "/pets", ("w",)),)
    assert len(api_found.stated_only) == 1
    assert "any method /" in api_found.stated_only[0]


def test_any_of_several_scopes_is_told():
    api_found = found(
        scope("read", "a", "b"), rules=(rule("/pets", "Exact", filters=[extension("Scope", "read")]),)
    )
    assert api_found.security.scopes[0] == OperationScopes("GET", "/pets", ("a", "b"))
    assert "any one" in api_found.stated_only[0]


def test_scope_without_an_operation_is_told():
    rules = (rule("/other", "Exact", "GET", [extension("Scope", "read")]),)
    api_found = found(scope("read", "a"), rules=rules)
    assert api_found.security.scopes == ()
    assert "GET /other" in api_found.stated_only[0]
    without = published(api(definitionFileRef=None), route(*rules), backend(), scope("read", "a"))
    assert without.security.scopes == ()
    assert "GET /other" in without.stated_only[0]


def test_scope_that_is_missing_or_empty_is_a_problem():
    routed = route(rule(filters=[extension("Scope", "read")]))
    for others in ((), (scope("read"),), (scope("read", "a b"),)):
        assert fields(reading(api(), packed(), routed, backend(), *others)) == [
            "spec.production[0].routeRefs"
        ]


def test_scopes_of_an_api_without_tokens_are_told():
    rules = (rule("/pets", "Exact", "GET", [extension("Scope", "read")]),)
    off = policy(AUTHENTICATIONS[0], default={"disabled": True})
    api_found = found(scope("read", "a"), off, rules=rules)
    assert api_found.security == Security(False, False, True)
    assert "takes no tokens" in api_found.stated_only[0]


def header(kind: str, **change: Any) -> dict[str, Any]:
    return {"type": kind, kind[0].lower() + kind[1:]: change}


def pair(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def test_headers_of_all_rules_are_mediation():
    both = [
        header("RequestHeaderModifier", set=[pair("x-a", "1")], remove=["x-b"]),
        header("ResponseHeaderModifier", set=[pair("x-c", "2")]),
    ]
    api_found = found(rules=(rule(filters=both), rule("/x", filters=both)))
    assert api_found.mediation.request_headers == HeaderRules({"x-a": "1"}, ("x-b",))
    assert api_found.mediation.response_headers == HeaderRules({"x-c": "2"})
    assert api_found.stated_only == ()


@pytest.mark.parametrize(
    "change",
    [
        {"add": [pair("x-a", "1")]},
        {"set": [pair("x-portico-a", "1")]},
        {"set": [pair("Host", "1")]},
        {"set": [pair("x-a", "1\n2")]},
        {"set": [pair("x a", "1")]},
    ],
)
def test_headers_that_portico_does_not_change_are_told(change):
    api_found = found(rules=(rule(filters=[header("RequestHeaderModifier", **change)]),))
    assert api_found.mediation.request_headers == HeaderRules()
    assert "Request headers" in api_found.stated_only[0]


def test_headers_of_some_rules_are_told():
    filters = [header("ResponseHeaderModifier", set=[pair("x-a", "1")])]
    api_found = found(rules=(rule(filters=filters), rule("/x")))
    assert api_found.mediation.response_headers == HeaderRules()
    assert "x-a" in api_found.stated_only[0]


def rewrite(kind: str, value: str) -> dict[str, Any]:
    return {"type": "URLRewrite", "urlRewrite": {"path": {"type": kind, kind[0].lower() + kind[1:]: value}}}


@pytest.mark.parametrize(
    ("path", "kind", "filters", "expected"),
    [
        ("/pets", "PathPrefix", [rewrite("ReplacePrefixMatch", "/pets")], None),
        ("/pets", "PathPrefix", [rewrite("ReplacePrefixMatch", "/v2/pets")], "/v2"),
        ("/", "PathPrefix", [rewrite("ReplacePrefixMatch", "/v2")], "/v2"),
        ("/pets", "Exact", [rewrite("ReplaceFullPath", "/v2/pets")], "/v2"),
        ("/pets/(.*)", "RegularExpression", [rewrite("ReplaceFullPath", "/v2/pets/\\1")], "/v2"),
        ("/pets/([^/]+)", "RegularExpression", [rewrite("ReplaceFullPath", "/pets/\\1")], None),
    ],
)
def test_rewrite_that_keeps_the_path_is_a_prefix(path, kind, filters, expected):
    api_found = found(rules=(rule(path, kind, filters=filters),))
    assert api_found.mediation.rewrite_prefix == expected
    assert api_found.stated_only == ()


@pytest.mark.parametrize(
    "rules",
    [
        (rule("/a", filters=[rewrite("ReplacePrefixMatch", "/b")]),),
        (rule("/a", filters=[rewrite("ReplacePrefixMatch", "/v2/a")]), rule("/b")),
        (rule("/a", filters=[rewrite("ReplaceFullPath", "/a")]),),
        (rule("/a", "Exact", filters=[rewrite("ReplacePrefixMatch", "/a")]),),
        (rule("/a", filters=[rewrite("ReplacePrefixMatch", "/../a")]),),
    ],
)
def test_rewrite_that_is_no_prefix_is_told(rules):
    api_found = found(rules=rules)
    assert api_found.mediation.rewrite_prefix is None
    assert "rewrites paths route by route" in api_found.stated_only[0]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"filters": [extension("Authentication", "own")]}, "Authentication own"),
        ({"filters": [{"type": "RequestMirror", "requestMirror": {}}]}, "RequestMirror"),
        ({"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "b.example"}}]}, "another host name"),
        ({"timeouts": {"request": "5s"}}, "timeouts"),
    ],
)
def test_rest_of_a_rule_is_told(more, word):
    (sentence,) = found(rules=(rule(**more),)).stated_only
    assert word in sentence


def test_match_on_headers_is_told():
    stated = rule() | {"matches": [{"path": {"value": "/"}, "headers": [pair("x", "y")]}]}
    (sentence,) = found(rules=(stated,)).stated_only
    assert "headers" in sentence


def test_many_sentences_are_cut_short():
    rules = tuple(rule(filters=[extension("RoutePolicy", f"p{i}-{j}") for j in range(16)]) for i in range(16))
    told = found(rules=rules).stated_only
    assert len(told) <= 101
    assert "more objects" in told[-1]
