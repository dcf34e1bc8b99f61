"""The panel on the operation's page, and what a try may take before anything is sent."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests import factories
from tests.gateway.trying import ASYNCAPI, OPENAPI, Shop, describe, shop

pytestmark = pytest.mark.django_db
GRAPHQL = """\
type Query { orders(first: Int!, after: String): [Order!]!  me: String }
type Mutation { drop(id: ID!): Boolean }
type Subscription { placed: Order }
"A parcel or more."
type Order { id: ID! lines: [Line!]! state: State }
type Line { sku: String }
enum State { OPEN PAID }
"""
PROTO = 'syntax = "proto3"; package shop; service Orders { rpc Get (One) returns (One); } message One { string id = 1; }'


@pytest.fixture
def unserved(consumer, settings) -> Shop:
    """Described and subscribed to, with nothing at the gateway's address: nothing of these tests may go there."""
    settings.GATEWAY_URLS = {"production": "http://127.0.0.1:1", "sandbox": "http://127.0.0.1:1"}
    return shop(None, "http://127.0.0.1:1", consumer)


def page(shown: Shop, operation: str, client: Client | None = None) -> str:
    version = shown.version
    response = (client or shown.client).get(
        f"/apis/{version.api.slug}/{version.version}/reference/{operation}/"
    )
    assert response.status_code == 200
    return response.content.decode()


def test_form_has_a_field_for_what_can_be_sent(unserved):
    found = page(unserved, "listItems")
    assert 'name="query.limit"' in found and 'value="2"' in found
    assert 'name="query.state"' in found and '<option value="paid">paid</option>' in found
    assert 'name="header.X-Shop"' in found and 'value="eu-main"' in found
    for never in ("X-Portico-Probe", "header.Cookie", "cookie.session"):
        assert f'name="{never}"' not in found and f'name="header.{never}"' not in found
    assert "Checkout: a five-minute token" in found


def test_body_has_its_example(unserved):
    found = page(unserved, "addItem")
    assert "&quot;sku&quot;: &quot;string&quot;" in found and 'name="file"' in found
    found = page(unserved, "addFile")
    assert 'name="form.title"' in found
    assert 'name="form.photo"' in found and 'type="file"' in found


def test_panel_asks_whoever_is_not_signed_in_to_do_so(unserved):
    found = page(unserved, "listItems", Client())
    assert "Sign in to try it" in found and "query.limit" not in found


def test_panel_says_how_to_get_access(unserved, stranger):
    client = Client()
    client.force_login(stranger)
    found = page(unserved, "listItems", client)
    address = f"/apis/{unserved.version.api.slug}/{unserved.version.version}/reference/listItems/%23try"
    assert "No application of yours has access" in found
    assert f'/subscribe/?next={address}"' in found


def test_members_have_no_tokens(unserved):
    member = factories.person("Max Member", team="consumers")
    client = Client()
    client.force_login(member)
    assert "five-minute token" not in page(unserved, "listItems", client)
    response = client.post(unserved.url("page"), {"credential": unserved.application})
    assert response.status_code == 400 and "has no access" in response.content.decode()


def test_gone_subscription_mints_nothing(unserved):
    unserved.subscription.status = "suspended"
    unserved.subscription.save()
    assert unserved.send("page").status_code == 400


@pytest.mark.parametrize("status", ["retired", "discovered", "rejected"])
def test_version_that_is_not_at_the_gateway_is_not_called(unserved, admin, status):
    unserved.version.status = status
    unserved.version.save()
    unserved.client.force_login(admin)
    response = unserved.send("page", credential="none")
    assert response.status_code == 409 and "does not serve this version" in response.content.decode()


def test_gateway_that_is_down_is_said(unserved):
    response = unserved.send("page", credential="none")
    assert response.status_code == 503 and "The gateway did not answer" in response.content.decode()


def test_what_was_typed_stays(unserved):
    response = unserved.send("readItem", **{"path.id": ".."}, credential="key", key="ptk_live_secret")
    found = response.content.decode()
    assert response.status_code == 400 and 'value=".."' in found
    assert "ptk_live_secret" not in found


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"path.id": ""}, 400, "id is needed"),
        ({"path.id": "a", "credential": "key", "key": ""}, 400, "Paste the key"),
        ({"path.id": "a", "credential": "key", "key": "a b\r\nHost: x"}, 400, "That is no key"),
        ({"path.id": "a", "credential": "app_of_others"}, 400, "has no access"),
    ],
)
def test_nothing_is_sent_without_what_it_needs(unserved, given, status, said):
    response = unserved.send("readItem", **given)
    assert response.status_code == status and said in response.content.decode()


def test_upload_has_a_limit(unserved, settings):
    settings.TRY_BYTES = 1024 * 1024
    file = SimpleUploadedFile("a.json", b"x" * (settings.TRY_BYTES + 1))
    response = unserved.send("addItem", file=file)
    assert response.status_code == 400 and "A body may have 1 MB" in response.content.decode()
    file = SimpleUploadedFile("a.json", b"x" * (4 * settings.TRY_BYTES))
    response = unserved.send("addItem", file=file)
    assert response.status_code == 413 and "A body may have 1 MB" in response.content.decode()
    response = unserved.send("addItem", body="x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
    assert response.status_code == 413 and "typed in may have 1 MB" in response.content.decode()


def test_ten_megabytes_are_the_limit(unserved, settings):
    assert settings.TRY_BYTES == 10 * 1024 * 1024 and settings.TRY_SECONDS == 30


def test_graphql_has_an_editor_and_names(unserved):
    describe(unserved.version, GRAPHQL, "graphql")
    unserved.version.api.type = "graphql"
    unserved.version.api.save()
    found = page(unserved, "orders")
    assert "data-graphql" in found and "graphql-editor.js" in found and "query ($first: Int!)" in found
    words = json.loads(
        unserved.client.get(f"/try/{unserved.version.api.slug}/{unserved.version.version}/words.json").content
    )
    assert words["query"]["orders"] == ["Order", ["first", "after"]]
    assert words["Order"]["lines"] == ["Line", []] and words["subscription"]["placed"][0] == "Order"


def test_words_are_of_graphql_that_one_may_see(unserved):
    url = f"/try/{unserved.version.api.slug}/{unserved.version.version}/words.json"
    assert unserved.client.get(url).status_code == 404
    describe(unserved.version, GRAPHQL, "graphql")
    unserved.version.api.visibility = "team"
    unserved.version.api.save()
    assert Client().get(url).status_code == 404


def test_grpc_is_said_not_to_be_tried(unserved):
    describe(unserved.version, PROTO, "protobuf")
    found = page(unserved, _first(unserved))
    assert "it cannot be tried here" in found and "grpcurl" in found and 'name="environment"' not in found
    assert unserved.send(_first(unserved)).status_code == 404


def _first(shown: Shop) -> str:
    from apis.models import DescribedOperation
    from apis.reference import parts

    parts.ensure(shown.version.document)
    return DescribedOperation.objects.filter(document=shown.version.document).first().slug


def test_messages_may_go_over_a_websocket(unserved):
    describe(unserved.version, ASYNCAPI, "asyncapi-3.0")
    found = page(unserved, "say")
    assert '<option value="socket">WebSocket</option>' in found and "data-live" in found
    describe(unserved.version, ASYNCAPI.replace("wss", "https"), "asyncapi-3.0")
    assert 'value="socket"' not in page(unserved, "say")


def test_hostile_definition_stays_text(unserved):
    nasty = '"><script>alert(1)</script>'
    text = OPENAPI.replace("name: limit", f"name: '{nasty}'").replace("eu-main", f"'{nasty}'")
    describe(unserved.version, text)
    found = page(unserved, "listItems")
    assert "<script>alert" not in found and "query.&quot;&gt;&lt;script&gt;" in found
