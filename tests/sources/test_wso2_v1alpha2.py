"""wso2.com/v1alpha2: definitions as text, and apictl's projects of both generations as zips."""

import base64
import io
import json
import random
import zipfile
from typing import Any

import pytest

from apis.sources import Cors, ObjectRef, Security, Upstream
from apis.sources.portico_v1alpha1 import PLAN
from apis.sources.source import CONFIG_MAP
from apis.sources.wso2_v1alpha1.kinds import SECURITY
from apis.sources.wso2_v1alpha2 import project
from apis.sources.wso2_v1alpha2.api import API, TARGET_ENDPOINT_V1ALPHA2
from tests.sources.crds import schema_errors
from tests.sources.hostile import MORE_WRONG, broken, check
from tests.sources.objects import Store, config_map, fields, make, published, reading

DEFINITION = """
openapi: 3.0.1
info: {title: From the definition, version: 0.0.1, description: Bakes.}
tags: [{name: food}]
%s
paths:
  /menu: {get: {responses: {200: {description: ok}}}}
"""
EXTENSIONS = """
x-wso2-basePath: /pizzashack/{version}
x-wso2-production-endpoints: {urls: [https://pizza.example/api]}
"""
# apictl 3.x, as API Manager 3.2 exports it
API_3 = {
    "id": {"providerName": "admin", "apiName": "PizzaShackAPI", "version": "1.0.0"},
    "uuid": "5f",
    "description": "This is a simple API.\nFor Pizza Shack.",
    "type": "HTTP",
    "context": "/pizzashack/1.0.0",
    "contextTemplate": "/pizzashack/{version}",
    "tags": ["pizza"],
    "availableTiers": [{"name": "Unlimited"}, {"name": "Gold"}],
    "status": "PUBLISHED",
    "visibility": "public",
    "apiSecurity": "oauth2,oauth_basic_auth_api_key_mandatory,api_key",
    "endpointConfig": json.dumps(
        {
            "endpoint_type": "http",
            "production_endpoints": {"url": "https://pizza.example/api", "config": None},
            "sandbox_endpoints": {"url": "http://sandbox:9443/api"},
        }
    ),
    "businessOwner": "Jane Roe",
    "businessOwnerEmail": "marketing@pizza.example",
}
# apictl 4.x
API_4 = {
    "type": "api",
    "version": "v4.2.0",
    "data": {
        "name": "PizzaShackAPI",
        "context": "/pizzashack",
        "version": "1.0.0",
        "provider": "admin",
        "lifeCycleStatus": "PUBLISHED",
        "type": "HTTP",
        "tags": ["pizza"],
        "policies": ["Bronze", "Unlimited"],
        "securityScheme": ["oauth2", "oauth_basic_auth_api_key_mandatory"],
        "visibility": "PUBLIC",
        "businessInformation": {"technicalOwner": "John Doe"},
        "corsConfiguration": {
            "corsConfigurationEnabled": True,
            "accessControlAllowOrigins": ["*"],
            "accessControlAllowCredentials": False,
            "accessControlAllowHeaders": ["authorization"],
            "accessControlAllowMethods": ["GET", "PUT"],
        },
        "operations": [{"target": "/menu", "verb": "GET", "authType": "Application & Application User"}],
        "endpointConfig": {
            "endpoint_type": "http",
            "production_endpoints": {"url": "https://pizza.example/api"},
        },
    },
}
HOME = "PizzaShackAPI-1.0.0"


def api(name: str = "pizza", *, annotations: Any = None, **spec: Any) -> Any:
    return make(API, name, annotations=annotations, spec={"swaggerConfigMapName": "pizza-cm"} | spec)


def text(*extensions: str) -> Any:
    return config_map("pizza-cm", DEFINITION % "\n".join(extensions or (EXTENSIONS,)))


def zipped(files: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def binary(raw: bytes, **more: Any) -> Any:
    return make(CONFIG_MAP, "pizza-cm", binaryData={"pizza.zip": base64.b64encode(raw).decode()}, **more)


def project_3(stated: Any = API_3, definition: str = DEFINITION % "") -> Any:
    files = {f"{HOME}/Meta-information/api.yaml": json.dumps(stated), f"{HOME}/Image/icon.png": b"\x89PNG"}
    return binary(zipped(files | {f"{HOME}/Meta-information/swagger.yaml": definition}))


def project_4(definition: str = DEFINITION % "", **changes: Any) -> Any:
    stated = API_4 | {"data": API_4["data"] | changes}  # type: ignore[operator]
    files = {f"{HOME}/api.yaml": json.dumps(stated), f"{HOME}/Definitions/swagger.yaml": definition}
    return binary(zipped(files))


def test_text_is_read_as_v1alpha1_reads_it():
    found = published(api(), text())
    assert found.ref == ObjectRef("test", "wso2.com/v1alpha2/API", "shop", "pizza", "u-1", 3)
    assert (found.key, found.version, found.display_name) == ("pizza", "0.0.1", "From the definition")
    assert (found.base_path, found.tags) == ("/pizzashack/0.0.1", ("food",))
    assert found.upstreams == {"production": Upstream("https://pizza.example/api")}
    assert found.security == Security(oauth2=True, api_key=False)
    assert found.definition.origin == "ConfigMap shop/pizza-cm, key api.yaml"
    assert found.stated_only == ()


def test_project_of_apictl_3_is_read():
    found = published(api(), project_3())
    assert (found.display_name, found.version, found.base_path) == (
        "PizzaShackAPI",
        "1.0.0",
        "/pizzashack/1.0.0",
    )
    assert (found.summary, found.contact) == ("This is a simple API.", "marketing@pizza.example")
    assert found.upstreams == {
        "production": Upstream("https://pizza.example/api"),
        "sandbox": Upstream("http://sandbox.shop.svc:9443/api"),
    }
    assert found.security == Security(oauth2=True, api_key=True)
    assert found.definition.text == DEFINITION % ""
    assert found.definition.origin == (
        f"ConfigMap shop/pizza-cm, key pizza.zip, file {HOME}/Meta-information/swagger.yaml"
    )
    assert found.stated_only == ("The project offers the tiers Gold, of which there is no Plan.",)


def test_project_of_apictl_4_is_read():
    found = published(api(), project_4(), make(PLAN, "bronze", ""))
    assert (found.display_name, found.version, found.base_path) == (
        "PizzaShackAPI",
        "1.0.0",
        "/pizzashack/1.0.0",
    )
    assert (found.description, found.contact) == ("Bakes.", "John Doe")
    assert found.upstreams == {"production": Upstream("https://pizza.example/api")}
    assert found.security == Security(oauth2=True, api_key=False)
    assert found.plans == ("bronze",)
    assert found.mediation.cors == Cors(
        allow_origins=("*",), allow_methods=("GET", "PUT"), allow_headers=("authorization",)
    )
    assert (found.deprecated, found.stated_only) == (False, ())


def test_extensions_of_the_definition_go_before_the_project():
    found = published(api(), project_4(DEFINITION % EXTENSIONS.replace("pizza.example", "other.example")))
    assert found.upstreams == {"production": Upstream("https://other.example/api")}
    assert (found.version, found.base_path) == ("1.0.0", "/pizzashack/1.0.0")


def test_files_may_lie_at_the_top_and_be_json():
    files = {"api.json": json.dumps(API_4), "Definitions/swagger.json": '{"swagger": "2.0", "paths": {}}'}
    assert published(api(), binary(zipped(files))).version == "1.0.0"
    files = {"Meta-information/swagger.yaml": DEFINITION % EXTENSIONS}
    assert published(api(), binary(zipped(files, zipfile.ZIP_STORED))).version == "0.0.1"


def test_other_definitions_are_found():
    stated = {"api.yaml": json.dumps(API_4)}
    graphql = published(
        api(), binary(zipped(stated | {"Definitions/schema.graphql": "type Query { a: Int }"}))
    )
    assert (graphql.type, graphql.display_name) == ("graphql", "PizzaShackAPI")
    asyncapi = "asyncapi: 2.0.0\ninfo: {title: a, version: '1'}\nchannels: {}"
    assert (
        published(api(), binary(zipped(stated | {"Definitions/asyncapi.yaml": asyncapi}))).type == "asyncapi"
    )


def test_binary_data_that_is_no_zip_is_a_definition():
    assert published(api(), binary((DEFINITION % EXTENSIONS).encode())).version == "0.0.1"


def test_binary_data_goes_before_data():
    both = binary(zipped({"Definitions/swagger.yaml": DEFINITION % EXTENSIONS}), data={"a": "x", "b": "y"})
    assert published(api(), both).version == "0.0.1"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"context": "/pizza"}, "/pizza/1.0.0"),
        ({"context": "/pizza/1.0.0"}, "/pizza/1.0.0"),
        ({"context": "/{version}/pizza"}, "/1.0.0/pizza"),
        ({"context": "pizza", "version": 2}, "/pizza/2"),
        ({"context": ""}, "/pizza/1.0.0"),
    ],
)
def test_context_has_the_version_behind_it_or_where_it_says(changes, path):
    assert published(api(), project_4(**changes)).base_path == path


@pytest.mark.parametrize(
    ("status", "deprecated", "words"),
    [
        ("CREATED", False, ""),
        ("PROTOTYPED", False, "PROTOTYPED"),
        ("DEPRECATED", True, ""),
        ("BLOCKED", False, "BLOCKED"),
        ("RETIRED", True, "RETIRED"),
        ("Odd", False, "ODD"),
    ],
)
def test_lifecycle_status(status, deprecated, words):
    found = published(api(), project_4(lifeCycleStatus=status, policies=[]))
    assert found.deprecated is deprecated
    assert words in " ".join(found.stated_only)
    assert bool(found.stated_only) is bool(words)


@pytest.mark.parametrize(
    ("schemes", "expected", "words"),
    [
        (["oauth2"], Security(oauth2=True, api_key=False), ""),
        (["api_key"], Security(oauth2=False, api_key=True), ""),
        (["basic_auth"], Security(oauth2=True, api_key=False), "Basic"),
        (["mutualssl", "mutualssl_mandatory"], Security(oauth2=True, api_key=False), "Mutual TLS"),
        ([], Security(oauth2=True, api_key=False), ""),
    ],
)
def test_security_schemes_of_the_project(schemes, expected, words):
    found = published(api(), project_4(securityScheme=schemes, policies=[]))
    assert found.security == expected
    assert words in " ".join(found.stated_only)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("components: {securitySchemes: {a: {type: apiKey}}}", Security(oauth2=False, api_key=True)),
        ("securityDefinitions: {a: {type: apiKey}}", Security(oauth2=False, api_key=True)),
        ("components: {securitySchemes: {a: {type: http, scheme: bearer}}}", Security(api_key=False)),
        ("components: {securitySchemes: {b: {type: apiKey}}}", Security(api_key=False)),
        ("components: {securitySchemes: [a]}", Security(api_key=False)),
    ],
)
def test_security_that_the_definition_requires(stated, expected):
    assert published(api(), text(EXTENSIONS, "security: [{a: []}]", stated)).security == expected


def test_security_that_is_switched_off_is_public():
    found = published(api(), text(EXTENSIONS, "x-wso2-disable-security: true"))
    assert found.security == Security(oauth2=False, api_key=False, public=True)


def test_annotations_say_what_the_project_cannot():
    annotations = {"portico.dev/api": "shop-pizza", "portico.dev/plans": "free", "portico.dev/tags": "a"}
    found = published(api(annotations=annotations), project_4())
    assert (found.key, found.plans, found.tags, found.stated_only) == ("shop-pizza", ("free",), ("a",), ())


def test_what_is_not_enforced_is_stated():
    operations = [{"authType": "None", "operationPolicies": {"request": []}}, 7]
    found = published(
        api(paramsValues="params", certsValues="certs"),
        project_4(visibility="RESTRICTED", operations=operations, policies=[]),
    )
    assert [sentence.split(" ")[0] for sentence in found.stated_only] == [
        "The",
        "Security",
        "Mediation",
        "ConfigMap",
        "ConfigMap",
    ]


def test_target_endpoint_is_of_the_same_generation():
    endpoint = {"applicationProtocol": "http", "ports": [{"port": 8080}]}
    obj = text("x-wso2-production-endpoints: {urls: [pizza]}")
    found = published(api(), obj, make(TARGET_ENDPOINT_V1ALPHA2, "pizza", spec=endpoint))
    assert found.upstreams == {"production": Upstream("http://pizza.shop.svc:8080")}


def test_object_written_for_v1alpha1_is_read_as_such():
    older = make(API, "pizza", spec={"definition": {"swaggerConfigmapNames": ["pizza-cm"]}})
    guard = make(SECURITY, "guard", spec={"type": "apiKey"})
    found = published(older, text(EXTENSIONS, "security: [{guard: []}]"), guard)
    assert (found.ref.kind, found.security) == (
        "wso2.com/v1alpha2/API",
        Security(oauth2=False, api_key=True),
    )


FIELD = "spec.swaggerConfigMapName"


@pytest.mark.parametrize("name", [None, "", 7, ["x"], "gone"])
def test_config_map_must_be_named_and_there(name):
    found = reading(api(swaggerConfigMapName=name))
    assert (found.published, fields(found)) == ((), [FIELD])


def flipped(raw: bytes, seed: int) -> bytes:
    """The bytes with a few of them changed."""
    chance = random.Random(seed)
    held = bytearray(raw)
    for _ in range(chance.randint(1, 8)):
        held[chance.randrange(2, len(held))] = chance.randrange(256)
    return bytes(held)


GOOD = {"api.yaml": json.dumps(API_4), "Definitions/swagger.yaml": DEFINITION % EXTENSIONS}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PK\x03\x04", "no zip that can be read"),
        (zipped(GOOD)[:-30], "no zip that can be read"),
        (zipped({"readme.md": "x"}), "has no definition"),
        (zipped({"Definitions/swagger.yaml": b"\xff\xfe"}), "is no text"),
        (zipped({"Definitions/swagger.yaml": "a\x00b"}), "is no text"),
        (zipped({"Definitions/swagger.yaml": "x: [" + DEFINITION}), "swagger.yaml: line 3"),
        (zipped(GOOD | {"api.yaml": "a: [b"}), "api.yaml: line 2"),
        (zipped(GOOD | {"api.yaml": "a" * 1_100_000}), "times its size"),
        (zipped(GOOD | {"api.yaml": random.Random(1).randbytes(600_000).hex()}), "at most 1 MB"),
        (zipped({"Definitions/swagger.yaml": " " * 21_000_000}), "times its size"),
        (zipped(GOOD | {"zeros": b"\0" * 30_000_000}), "times its size"),
        (zipped(GOOD | {f"{n}": "" for n in range(2_000)}), "more than 2,000 files"),
        (zipped(GOOD | {"big": random.Random(1).randbytes(5_300_000)}), "larger than 5 MB"),
        (zipped(GOOD, zipfile.ZIP_LZMA), "unusual way"),
    ],
    ids=range(14),
)
def test_zip_that_cannot_be_used_is_a_problem(raw, words):
    found = reading(api(), binary(raw))
    assert (found.published, fields(found)) == ((), [FIELD])
    assert words in found.problems[0].message


def test_sizes_that_a_zip_claims_falsely_unpack_nothing_more():
    raw = zipped({"Definitions/swagger.yaml": b"\0" * 30_000_000})
    for claimed in (raw.find(b"PK\x01\x02") + 24, 22):
        raw = raw[:claimed] + (1000).to_bytes(4, "little") + raw[claimed + 4 :]
    assert fields(reading(api(), binary(raw))) == [FIELD]


def test_broken_zips_are_problems_and_nothing_worse():
    raw = zipped(GOOD)
    for seed in range(500):
        found = reading(api(), binary(flipped(raw, seed)))
        assert found.published or fields(found)


@pytest.mark.parametrize("value", [None, 7, "x", ["x"], {"a": 1}, [None], [{"url": 7}], "${ENV}", "\x7f"])
@pytest.mark.parametrize("name", [*API_4["data"], *API_3])  # type: ignore[misc]
def test_anything_in_api_yaml_is_read_or_a_problem(name, value):
    for found in (
        reading(api(), project_4(**{name: value})),
        reading(api(), project_3(API_3 | {name: value})),
    ):
        assert found.published or fields(found)


@pytest.mark.parametrize("whole", ["", "[]", "7", "data: 7", "data: {}"])
def test_api_yaml_that_states_nothing_leaves_the_definition(whole):
    assert published(api(), binary(zipped(GOOD | {"api.yaml": whole}))).version == "0.0.1"


def test_objects_of_these_tests_are_what_the_crd_takes():
    crd = "wso2/operator-v1alpha2/crds/wso2.com_apis_crd.yaml"
    assert schema_errors(api(paramsValues="a", certsValues="b"), crd) == []


def test_anything_anywhere_in_an_api_is_read_or_a_problem():
    store = Store(project_4())
    for changed in broken(api(paramsValues="a", certsValues="b", mode="sidecar", version="1")):
        check(changed, store)


@pytest.mark.parametrize("part", ["data", "binaryData"])
def test_anything_in_the_config_map_is_read_or_a_problem(part):
    # A NUL makes the whole object unreadable before it comes here.
    for wrong in (value for value in MORE_WRONG if value != "a\x00b"):
        for held in (wrong, {"key": wrong}):
            check(api(), Store(make(CONFIG_MAP, "pizza-cm", **{part: held})))


def test_limits_are_those_of_the_cluster_and_more():
    assert project.MAX_PACKED > 1024 * 1024, "no ConfigMap is larger"
