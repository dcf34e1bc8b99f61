"""Why was I refused: every link of the chain, in words; who may ask about what; nothing pasted is kept."""

import datetime as dt
import logging

import pytest
from django.conf import settings
from django.utils import timezone

from gateway.models import CallSeries, FailedCall, QuotaUse
from gateway.snapshot import Reason
from gateway.usage.quotas import period_of
from gateway.why.answer import answer
from gateway.why.asked import Asked, read
from gateway.why.chain import CHECKS, REFUSED_BY
from keymanager import actions, keys, tokens
from portal.errors import Invalid, NotFound
from subscriptions.models import Application
from tests import factories

pytestmark = pytest.mark.django_db
KEY = "ptk_live_0123456789ABCDEFGHIJKLMNOPQR"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("69ad113e-78f2-4bad-9532-43b23aa08668", Asked(request_id="69ad113e-78f2-4bad-9532-43b23aa08668")),
        (f"  {KEY}\n", Asked(key=KEY)),
        (f"x-api-key: {KEY}", Asked(key=KEY)),
        ("ptk_live_7Hq2••••", Asked(beginning="ptk_live_7Hq2")),
        ("cred_4k2m9x7q1c8v5b3n", Asked(beginning="cred_4k2m9x7q1c8v5b3n")),
        ("Authorization: Bearer aa.bb.cc", Asked(token="aa.bb.cc")),
        ("https://gw/orders/v1", Asked(method="GET", url="https://gw/orders/v1")),
        (
            f"curl -i \\\n  -X put 'https://gw/a?b=c' -H 'X-Api-Key: {KEY}' -o out.json",
            Asked(key=KEY, method="PUT", url="https://gw/a?b=c"),
        ),
        (
            "curl --request=DELETE --header 'authorization: bearer a.b.c' https://gw/a",
            Asked(token="a.b.c", method="DELETE", url="https://gw/a"),
        ),
        (
            "curl https://gw/a --oauth2-bearer a.b.c -d '{}'",
            Asked(token="a.b.c", method="POST", url="https://gw/a"),
        ),
        (
            "curl -H'Authorization: Bearer a.b.c' -H x-api-key:k https://gw/a",
            Asked(key="k", method="GET", url="https://gw/a"),
        ),
        ("curl -I https://gw/a", Asked(method="HEAD", url="https://gw/a")),
    ],
)
def test_asked_is_read(text, asked):
    assert read(text) == asked


@pytest.mark.parametrize(
    "text", ["", " ", "no idea", "curl 'https://gw", "curl -H a:b", "x" * 20_000, "<script>alert(1)</script>"]
)
def test_asked_cannot_be_read(text):
    with pytest.raises(Invalid):
        read(text)


def test_every_refusal_belongs_to_one_check():
    assert list(REFUSED_BY) == [name for name, _ in CHECKS]
    named = [reason for reasons in REFUSED_BY.values() for reason in reasons]
    assert sorted(named) == sorted(Reason)


class Shop:
    """An application of `consumers`, subscribed to an API of `publishers`, with a client and a key."""

    def __init__(self) -> None:
        operations = [("GET", "/items", []), ("POST", "/items", ["items:write"]), ("GET", "/items/{id}", [])]
        self.version = factories.ApiVersionFactory(
            api=factories.ApiFactory(slug="orders"), operations=operations
        )
        self.application = factories.ApplicationFactory(name="Shop")
        self.subscription = factories.SubscriptionFactory(
            application=self.application, api=self.version.api, plan=factories.PlanFactory(slug="gold")
        )
        self.client = factories.ClientFactory(application=self.application)
        self.key = factories.KeyFactory(application=self.application)

    def token(self, **fields: object) -> str:
        return tokens.mint(
            application=self.application,
            environment="production",
            client_id=self.client.credential.public_id,
            **fields,
        )

    def url(self, path: str = "/items", environment: str = "production") -> str:
        return f"{settings.GATEWAY_URLS[environment]}{self.version.base_path}{path}"

    def curl(
        self, *, method: str = "GET", path: str = "/items", environment: str = "production", **headers: str
    ):
        sent = " ".join(f"-H '{name.replace('_', '-')}: {value}'" for name, value in headers.items())
        return f"curl -X {method} '{self.url(path, environment)}' {sent}"

    def call(self, *, reason: str, status: int = 403, **series: object) -> FailedCall:
        fields = {
            "digest": f"{reason}{len(series)}",
            "environment": "production",
            "api": self.version.api,
            "version": self.version,
            "operation": "GET /items",
            "application": self.application,
            "credential": self.key.credential,
            **series,
        }
        return FailedCall.objects.create(
            request_id=f"request-{reason or status}",
            at=timezone.now(),
            series=CallSeries.objects.create(**fields),
            method="GET",
            path="/orders/1.0.0/items",
            status=status,
            reason=reason,
            took_ms=1,
        )


@pytest.fixture
def shop(consumer, publisher):
    return Shop()


def refused(found):
    """(reason, name of the link that refuses); nothing after it is said to hold."""
    names = [link.name for link in found.links if link.state == "bad"]
    assert len(names) <= 1
    if names:
        after = found.links[[link.name for link in found.links].index(names[0]) + 1 :]
        assert all(link.after and link.state == "idle" for link in after)
    return (found.reason, names[0]) if names else None


def test_nothing_refuses(shop, consumer):
    for sent in ({"x_api_key": shop.key.secret}, {"authorization": f"Bearer {shop.token()}"}):
        found = answer(shop.curl(path="/items/7", **sent), by=consumer)
        assert refused(found) is None
        assert found.title == "Nothing refuses this now"


def suspend(shop):
    shop.subscription.status = "suspended"
    shop.subscription.save()


def cancel(shop):
    shop.subscription.status = "cancelled"
    shop.subscription.save()


def expire(shop):
    shop.subscription.expires_at = timezone.now()
    shop.subscription.save()


def revoke(shop):
    for issued in (shop.key, shop.client):
        actions.revoke(credential=issued.credential, by=factories.UserFactory(is_admin=True))


def block(shop):
    shop.version.status = "blocked"
    shop.version.save()


def use_quota(shop):
    plan = shop.subscription.plan
    plan.quota_requests, plan.quota_period = 5, "day"
    plan.save()
    starts, ends = period_of("day", plan.time_zone, timezone.now())
    QuotaUse.objects.create(
        application=shop.application,
        api=shop.version.api,
        period="day",
        starts_at=starts,
        ends_at=ends,
        used=5,
    )


def limit(shop):
    shop.key.credential.allowed_apis.add(factories.ApiFactory())


@pytest.mark.parametrize(
    ("change", "curl", "expected"),
    [
        (None, {"path": "/nothing", "key": True}, ("unknown_path", "Address")),
        (None, {"method": "DELETE", "key": True}, ("unknown_path", "Address")),
        (block, {"key": True}, ("blocked_api", "Address")),
        (None, {}, ("not_authenticated", "Credential")),
        (None, {"x_api_key": "ptk_live_wrong"}, ("key_unknown", "Identity")),
        (None, {"authorization": "Bearer a.b.c"}, ("token_invalid", "Identity")),
        (None, {"authorization": "Bearer nonsense"}, ("token_invalid", "Identity")),
        (None, {"environment": "sandbox", "key": True}, ("key_unknown", "Identity")),
        (None, {"environment": "sandbox", "token": True}, ("wrong_audience", "Identity")),
        (revoke, {"key": True}, ("key_unknown", "Revocation")),
        (revoke, {"token": True}, ("token_revoked", "Revocation")),
        (limit, {"key": True}, ("key_not_for_api", "Limits of the key")),
        (cancel, {"key": True}, ("not_subscribed", "Subscription")),
        (expire, {"token": True}, ("not_subscribed", "Subscription")),
        (suspend, {"token": True}, ("suspended", "Subscription")),
        (use_quota, {"key": True}, ("quota_exceeded", "Quota")),
        (None, {"method": "POST", "token": True, "scopes": []}, ("scope_missing", "Scopes")),
        (None, {"method": "POST", "token": True}, None),
        (None, {"method": "POST", "key": True}, None),
    ],
)
def test_pasted_call(shop, consumer, change, curl, expected):
    if change:
        change(shop)
    curl = dict(curl)
    if curl.pop("key", False):
        curl["x_api_key"] = shop.key.secret
    if curl.pop("token", False):
        scopes = {"scopes": curl.pop("scopes")} if "scopes" in curl else {}
        curl["authorization"] = f"Bearer {shop.token(**scopes)}"
    found = answer(shop.curl(**curl), by=consumer)
    assert refused(found) == expected
    assert not expected or (found.text and found.remedy)


def test_expired_token(shop, consumer):
    found = answer(shop.token(lifetime=0), by=consumer)
    assert refused(found) == ("token_expired", "Identity")


def test_one_token_and_all_tokens_revoked(shop, consumer):
    token = shop.token()
    actions.revoke_token(token=token, by=consumer)
    assert refused(answer(token, by=consumer)) == ("token_revoked", "Revocation")


def test_key_by_its_beginning_and_credential_by_its_id(shop, consumer, stranger):
    credential = shop.key.credential
    for text in (credential.label, credential.prefix, credential.public_id, shop.key.secret):
        assert answer(text, by=consumer).subject.credential == credential
        with pytest.raises(NotFound):
            answer(text, by=stranger)


def test_token_of_others_is_not_explained(shop, stranger):
    with pytest.raises(NotFound):
        answer(shop.token(), by=stranger)


def test_address_of_somebody_else_is_refused(shop, consumer):
    with pytest.raises(Invalid, match="gateway"):
        answer("https://example.com/orders", by=consumer)


@pytest.mark.parametrize("reason", sorted(Reason))
def test_recorded_call(shop, consumer, reason):
    call = shop.call(reason=reason)
    found = answer(call.request_id, by=consumer)
    name = next(name for name, reasons in REFUSED_BY.items() if reason in reasons)
    assert refused(found) == (reason, name)
    assert all(link.state == "ok" for link in found.links[: [link.name for link in found.links].index(name)])
    assert found.text
    assert found.now.startswith("A call now passes") or reason == "not_authenticated"


def test_recorded_call_that_is_refused_still_says_why_in_the_words_of_today(shop, publisher):
    suspend(shop)
    found = answer(shop.call(reason="suspended").request_id, by=publisher)
    assert found.text == "The publisher has suspended it."
    assert found.now == "A call now is refused, too: The publisher has suspended it."


def test_recorded_failure_of_the_api_itself(shop, consumer):
    found = answer(shop.call(reason="", status=502).request_id, by=consumer)
    assert refused(found) == ("", "The API itself")
    assert found.title == "The API answered 502"


@pytest.mark.parametrize("reason", ["bad_path", "bad_request", "too_large"])
def test_recorded_request_that_reached_no_check(shop, consumer, reason):
    found = answer(shop.call(reason=reason, status=400).request_id, by=consumer)
    assert refused(found) == (reason, "The request")


def test_recorded_failure_on_the_way_to_the_api(shop, consumer):
    found = answer(shop.call(reason="upstream_unavailable", status=503).request_id, by=consumer)
    assert refused(found) == ("upstream_unavailable", "The API itself")


def test_who_may_ask_about_a_recorded_call(shop, consumer, publisher, admin, stranger):
    call = shop.call(reason="not_subscribed")
    for person in (consumer, publisher, admin):
        assert answer(call.request_id, by=person).call == call
    with pytest.raises(NotFound):
        answer(call.request_id, by=stranger)


def test_call_by_nobody_is_told_to_whoever_has_its_id_but_not_what_they_may_not_see(shop, stranger):
    shop.version.api.visibility = "private"
    shop.version.api.save()
    call = shop.call(reason="not_authenticated", status=401, application=None, credential=None)
    found = answer(call.request_id, by=stranger)
    assert found.reason == "not_authenticated"
    assert shop.version.api.name not in " ".join(link.text for link in found.links)


def test_page_answers_and_keeps_no_secret(shop, consumer, client_as, caplog):
    caplog.set_level(logging.DEBUG)
    client = client_as(consumer)
    assert client.get("/why/").status_code == 200
    page = client.post("/why/", {"ask": shop.key.secret})
    assert "Nothing refuses this now" in page.content.decode()
    assert shop.key.secret not in page.content.decode()
    wrong = client.post("/why/", {"ask": f"see {shop.key.secret}"})
    assert "That is no request id" in wrong.content.decode()
    assert shop.key.secret not in wrong.content.decode()
    assert wrong["Cache-Control"] == "no-store"
    assert shop.key.secret not in caplog.text
    call = shop.call(reason="plan_rate", status=429)
    assert "Too many requests" in client.get("/why/", {"request": call.request_id}).content.decode()


def test_page_asks_to_sign_in(client):
    assert client.get("/why/").status_code == 302


def test_rest_answers_the_same(shop, consumer, client_as):
    call = shop.call(reason="not_subscribed")
    client = client_as(consumer)
    found = client.post("/api/v1/why/", {"ask": call.request_id}, content_type="application/json").json()
    assert (found["reason"], found["request_id"]) == ("not_subscribed", call.request_id)
    assert [link["name"] for link in found["links"]] == [name for name, _ in CHECKS]
    missing = client.post("/api/v1/why/", {"ask": "request-nobody"}, content_type="application/json")
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")
    empty = client.post("/api/v1/why/", {}, content_type="application/json")
    assert empty.status_code == 400


def test_key_that_is_no_longer_whole(shop, consumer):
    assert not keys.is_ours(shop.key.secret[:-1])
    assert refused(answer(shop.key.secret[:-1], by=consumer)) == ("key_unknown", "Identity")


def test_deleted_application_is_nobody_to_ask_about(shop, consumer):
    Application.objects.filter(pk=shop.application.pk).update(
        deleted_at=timezone.now() - dt.timedelta(hours=1)
    )
    with pytest.raises(NotFound):
        answer(shop.key.secret, by=consumer)
