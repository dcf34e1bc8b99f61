"""Something on every page: what the walk over all pages and the pictures of them show."""

import secrets

from tests import factories
from tests.journeys.caller import Caller, personal_token
from tests.stack import ADMIN, CONSUMER, PUBLISHER, Stack

EVERYBODY = {"consumer": CONSUMER, "publisher": PUBLISHER, "admin": ADMIN, "anonymous": ""}
# Pages that no link leads to.
UNLINKED = {"/components/", "/signup/", "/password/reset/"}
QUESTIONS = {
    "type": "object",
    "properties": {
        "purpose": {"type": "string", "title": "What will you build?", "maxLength": 500},
        "audience": {"type": "string", "title": "Who will use it?", "enum": ["Our own people", "Everybody"]},
        "calls": {"type": "integer", "title": "Calls a day", "minimum": 1},
        "terms": {"type": "boolean", "title": "We have read the terms of use", "const": True},
    },
    "required": ["purpose", "terms"],
}
ANSWERS = {"purpose": "Orders of the checkout.", "audience": "Everybody", "calls": 1200, "terms": True}


def furnish(stack: Stack) -> None:
    """A docs page, an application with credentials, an outside issuer, a subscription that waits with answers, one that is active."""
    consumer = Caller(stack, personal_token(stack, CONSUMER, "portal:read", "portal:subscribe"))
    publisher = Caller(stack, personal_token(stack, PUBLISHER, "portal:read", "portal:publish"))
    admin = Caller(stack, personal_token(stack, ADMIN, "portal:read", "portal:admin"))
    publisher.put("/apis/shipments/request-form/", schema=QUESTIONS)
    docs = "/apis/orders/versions/v2/docs/"
    if not publisher.get(docs):
        publisher.post(docs, 201, title="Paging", text="Ask for `limit` orders and go on with `after`.")
    number = secrets.token_hex(3)
    admin.post(
        "/issuers/",
        201,
        name=f"Company login {number}",
        url=f"https://login-{number}.example",
        audiences=["https://apis.example"],
        environments=["sandbox"],
        given_keys=factories.A_JWK_SET,
    )
    name = f"Showroom {number}"
    application = consumer.post("/applications/", 201, name=name, team="web-shop")["id"]
    for kind in ("oauth_client", "api_key"):
        consumer.post(
            f"/applications/{application}/credentials/",
            201,
            kind=kind,
            environment="production",
            name="Front",
        )
    for api, plan, status in (("orders", "gold", 202), ("product-catalogue", "free", 201)):
        consumer.post("/subscriptions/", status, application=application, api=api, plan=plan)
    consumer.post(
        "/subscriptions/", 202, application=application, api="shipments", plan="carrier", answers=ANSWERS
    )
