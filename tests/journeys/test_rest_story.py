"""The main job over REST alone: from a personal token to a revoked credential, through the real gateway."""

import base64
import secrets
from urllib.parse import urlencode

import pytest

from tests.journeys.caller import FORM, Caller, personal_token
from tests.stack import CONSUMER, PUBLISHER, Answer, Stack, bearer, call, until

pytestmark = pytest.mark.gateway


def test_rest_story_from_token_to_revocation(stack: Stack):
    consumer = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    publisher = Caller(stack, personal_token(stack, PUBLISHER, "portal:read", "portal:publish"))
    orders = f"{stack.gateways['production']}/orders/v2/orders"

    found = consumer.get("/apis/?q=orders")["results"]
    assert "orders" in [api["slug"] for api in found]
    name = f"Warehouse {secrets.token_hex(3)}"
    application = consumer.post("/applications/", 201, name=name, team="web-shop")["id"]
    issued = consumer.post(
        f"/applications/{application}/credentials/",
        201,
        kind="oauth_client",
        environment="production",
        name="Robot",
    )
    client = issued["client_id"], issued["client_secret"]
    early = token_of(stack, client)
    refused(call(orders, headers=bearer(early)), 403, "not_subscribed")

    subscription = consumer.post("/subscriptions/", 202, application=application, api="orders", plan="gold")
    assert subscription["status"] == "pending"
    refused(call(orders, headers=bearer(early)), 403, "not_subscribed")
    decided = publisher.post(f"/subscriptions/{subscription['id']}/approve/", reason="Welcome")
    assert decided["status"] == "active"
    receipt(consumer, subscription=subscription["id"])

    token = token_of(stack, client)
    assert call(orders, headers=bearer(token)).status == 200
    reader = token_of(stack, client, scope="orders:read")
    assert call(orders, headers=bearer(reader)).status == 200
    refused(call(orders, method="POST", headers=bearer(reader), body="{}"), 403, "scope_missing")
    refused(call(orders), 401, "not_authenticated")
    refused(call(orders, headers=bearer("x.y.z")), 401, "token_invalid")
    refused(
        call(f"{stack.gateways['sandbox']}/orders/v2/orders", headers=bearer(token)), 401, "wrong_audience"
    )

    publisher.post(f"/subscriptions/{subscription['id']}/suspend/", reason="Too many errors")
    receipt(consumer, subscription=subscription["id"])
    refused(call(orders, headers=bearer(token)), 403, "suspended")
    publisher.post(f"/subscriptions/{subscription['id']}/resume/")
    receipt(consumer, subscription=subscription["id"])
    assert call(orders, headers=bearer(token)).status == 200

    consumer.post(f"/credentials/{client[0]}/revoke/", reason="It leaked")
    receipt(consumer, credential=client[0])
    refused(call(orders, headers=bearer(token)), 401, "token_revoked")
    assert token_answer(stack, client).status == 401


def test_rest_story_with_a_key_over_the_rate(stack: Stack):
    """An automatic plan needs nobody; a key needs no token."""
    consumer = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    products = f"{stack.gateways['sandbox']}/catalogue/v1/products"
    application = consumer.post("/applications/", 201, name=f"Kiosk {secrets.token_hex(3)}", team="web-shop")[
        "id"
    ]
    issued = consumer.post(
        f"/applications/{application}/credentials/", 201, kind="api_key", environment="sandbox", name="Till"
    )
    key = {"x-api-key": issued["api_key"]}
    subscription = consumer.post(
        "/subscriptions/", 201, application=application, api="product-catalogue", plan="free"
    )
    assert subscription["status"] == "active"
    receipt(consumer, subscription=subscription["id"])

    statuses = [call(products, headers=key).status for _ in range(8)]
    assert statuses[0] == 200
    limited = call(products, headers=key)
    refused(limited, 429, "plan_rate")
    assert int(limited.headers["retry-after"]) >= 1
    refused(call(products, headers={"x-api-key": "ptk_test_unknown"}), 401, "key_unknown")

    consumer.post(f"/credentials/{issued['id']}/revoke/")
    receipt(consumer, credential=issued["id"])
    refused(call(products, headers=key), 401, "key_unknown")


# ---- what a program does --------------------------------------------------------------------------------------------


def token_answer(stack: Stack, client: tuple[str, str], **fields: str) -> Answer:
    proof = base64.b64encode(":".join(client).encode()).decode()
    body = urlencode({"grant_type": "client_credentials", **fields})
    return call(
        f"{stack.portal}/o/token/",
        method="POST",
        headers={**FORM, "Authorization": f"Basic {proof}"},
        body=body,
    )


def token_of(stack: Stack, client: tuple[str, str], **fields: str) -> str:
    answer = token_answer(stack, client, **fields)
    assert answer.status == 200, answer
    return answer.json["access_token"]


def receipt(caller: Caller, **subject: str) -> None:
    """Wait until the gateway has proved the last change of that subscription or credential."""
    query = urlencode(subject)
    until(
        lambda: (rows := caller.get(f"/receipts/?{query}")["results"]) and rows[0]["status"] == "complete",
        f"the receipt of {subject} is complete",
    )


def refused(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.json["request_id"]
