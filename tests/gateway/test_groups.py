"""Large route tables: what the groups find is what the list of all routes would find, in fewer comparisons."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.snapshot import Cors, EnvironmentState, Issuer, Route, Snapshot, Version
from gateway.targets.envoy import groups, render, routes, write_bootstrap, write_resources
from tests.gateway import tokens
from tests.gateway.envoy import RunningEnvoy, wait_until

CORS = Cors(origins=("https://shop.example",), methods=("GET",))
# Literal and templated, one above the other, in several methods; the last ones are far behind the first.
PATHS = (
    "/",
    "/parts",
    "/{id}",
    "/{id}/",
    "/{id}.json",
    "/{id}/parts/{n}",
    "/(a|b)+[^/]+.*",
    "/ü b/{x}",
    *(f"/{{id}}/parts/{n}" for n in range(150)),
    *(f"/shelf{n}/{{box}}" for n in range(150)),
)
ASKED = [
    *("/", "", "/parts", "/parts/", "/7", "/7/", "/7.json", "/.json", "//", "/7/parts/1", "/7/parts/149"),
    *(
        "/7/parts/150",
        "/7/parts/",
        "/7/parts/1/",
        "/7/PARTS/1",
        "/shelf0/a",
        "/shelf149/a",
        "/shelf149/",
        "/shelf149",
    ),
    *("/shelf150/x/y", "/(a|b)+[^/]+.*", "/aa", "/%C3%BC%20b/x", "/%C3%BC%20b/", "x", "/a/b/c"),
    *(
        "/7/parts/149?",
        "/7/parts/149?a=/b?c",
        "/7/parts?/149",
        "/7/?parts/149",
        "/?",
        "/?x",
        "/shelf3/?",
        "/shelf3/?a",
    ),
    *(
        "/7/parts/%FF",
        "/7/parts/149?%FF",
        "/shelf7/a%3Fb",
        "/child",
        "/child/1/parts/7",
        "/child/own",
        "/child/ownx",
    ),
]


def versions(backend: str) -> tuple[Version, ...]:
    several = [Route(method, path) for path in PATHS for method in ("GET", "OPTIONS")]
    several += [Route("POST", path) for path in PATHS[:20]]
    large = Version("large", "1", "/large", backend, routes=tuple(several), public=True, cors=CORS)
    child = Version(
        "child", "1", "/large/child", backend, routes=(Route("GET", "/own"),), public=True, cors=CORS
    )
    whole = Version("whole", "1", "/w", backend, public=True)
    below = replace(large, api="below", base_path="/w/below", cors=None)
    return large, child, whole, below


@pytest.fixture(scope="module")
def running(envoy_here, backend, tmp_path_factory) -> Iterator[RunningEnvoy]:
    """Production has the groups, the sandbox the list."""
    envoy = RunningEnvoy.on_free_ports(tmp_path_factory.mktemp("groups"))
    state = EnvironmentState(audience="http://here", versions=versions(backend))
    issuer = Issuer(tokens.ISSUER, tokens.jwks(tokens.signing_key()))
    snapshot = Snapshot(issuer, {"production": state, "sandbox": state})
    files = render(snapshot, envoy.options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "FEW", 1_000_000)
        listed = render(snapshot, envoy.options)["rds.sandbox.json"]
    assert files["rds.sandbox.json"] != listed
    write_resources({**files, "rds.sandbox.json": listed}, envoy.options)
    write_bootstrap(envoy.options)
    envoy.start()
    yield envoy
    envoy.stop()


@pytest.mark.gateway
def test_groups_find_what_the_list_finds(running: RunningEnvoy) -> None:
    preflight = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    asked = [
        (method, base + path, headers)
        for base in ("/large", "/large/child", "/w/below", "/w")
        for path in ASKED
        for method, headers in (
            ("GET", {}),
            ("POST", {}),
            ("PUT", {}),
            ("OPTIONS", {}),
            ("OPTIONS", preflight),
            ("OPTIONS", {**preflight, "access-control-request-method": "\xff"}),
        )
    ]
    seen: dict[str, list[str]] = {}
    for environment in ("production", "sandbox"):
        for method, path, headers in asked:
            answer = running.call(path, method=method, environment=environment, headers=headers)
            seen.setdefault(environment, []).append(answer.headers["x-request-id"])
    wait_until(lambda: len(running.access_log()) >= 2 * len(asked))
    lines = {line["request_id"]: line for line in running.access_log()}

    def found(environment: str) -> list[tuple[object, ...]]:
        named = [lines[request_id] for request_id in seen[environment]]
        return [
            (line["status"], line.get("version"), line.get("api"), line.get("operation")) for line in named
        ]

    by_groups, by_list = found("production"), found("sandbox")
    different = [case for case in zip(asked, by_groups, by_list, strict=True) if case[1] != case[2]]
    assert different == []
    operations = {line[3] for line in by_groups}
    assert {"GET /{id}/parts/149", "OPTIONS /shelf149/{box}", "GET /own", "any", None} <= operations


def test_five_thousand_operations_take_a_hundred_comparisons(backend: str) -> None:
    paths = [f"/{{id}}/parts/{n}" for n in range(2000)] + [f"/{'long' * 80}/{n}/{{id}}" for n in range(1000)]
    table = [Route(method, path) for path in paths for method in ("GET", "POST")][:5000]
    tree = routes.route_resource(
        "production", [Version("large", "1", "/large", "http://h", routes=tuple(table), cors=CORS)]
    )
    (host,) = tree["virtual_hosts"]
    assert _comparisons(host) <= 150


def _comparisons(on_match: dict) -> int:
    """The most that one request may take."""
    if "action" in on_match:
        return len(on_match["action"]["typed_config"]["routes"])
    matcher = on_match["matcher"]
    if "matcher_list" in matcher:
        matchers = matcher["matcher_list"]["matchers"]
        below = max(_comparisons(one["on_match"]) for one in matchers)
        return len(matchers) + max(below, _comparisons(matcher["on_no_match"]))
    tree = matcher["matcher_tree"]
    (kind,) = tree.keys() - {"input"}
    return max(map(_comparisons, [*tree[kind]["map"].values(), matcher["on_no_match"]]))
