"""RFC 6749 6 and RFC 9700 4.14: every refresh token works once, and one that comes again ends its family."""

import pytest
import time_machine

from keymanager import actions, signing, tasks
from keymanager.models import PersonGrant, RefreshToken, RevokedToken
from portal.accounts.models import AuditEvent
from tests import factories
from tests.keymanager.authorization import CALLBACK, allow, redeem, refresh

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["confidential", "public"])
def shop(request, application, consumer):
    return factories.ClientFactory(
        application=application, by=consumer, redirect_uris=[CALLBACK], public=request.param == "public"
    )


@pytest.fixture
def first(client_as, stranger, ask, shop) -> dict:
    """The first tokens of a person: items:read and items:write."""
    return redeem(ask, shop, allow(client_as(stranger), shop, scope=None)).json()


def refused(response) -> None:
    assert (response.status_code, response.json()) == (400, {"error": "invalid_grant"})


def jti(body: dict) -> str:
    return signing.verify(body["access_token"])["jti"]


def test_refresh_rotates(ask, shop, first, stranger):
    response = refresh(ask, shop, first["refresh_token"])
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    second = response.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == "items:read items:write"
    claims = signing.verify(second["access_token"])
    assert (claims["sub"], claims["client_id"]) == (stranger.public_id, shop.credential.public_id)
    assert refresh(ask, shop, second["refresh_token"]).status_code == 200
    assert AuditEvent.objects.filter(event="token_refreshed", by=stranger).count() == 2


def test_reuse_ends_the_family(ask, shop, first):
    second = refresh(ask, shop, first["refresh_token"]).json()
    refused(refresh(ask, shop, first["refresh_token"]))
    refused(refresh(ask, shop, second["refresh_token"]))
    assert set(RevokedToken.objects.values_list("jti", flat=True)) == {jti(first), jti(second)}
    reasons = (
        AuditEvent.objects.filter(event="refresh_refused")
        .order_by("pk")
        .values_list("data__reason", flat=True)
    )
    assert list(reasons) == ["reused", "ended"]


def test_reuse_leaves_other_families(ask, shop, first, client_as, stranger):
    other = redeem(ask, shop, allow(client_as(stranger), shop)).json()
    refresh(ask, shop, first["refresh_token"])
    refused(refresh(ask, shop, first["refresh_token"]))
    assert refresh(ask, shop, other["refresh_token"]).status_code == 200


def test_narrower_scope_is_of_this_token_only(ask, shop, first):
    second = refresh(ask, shop, first["refresh_token"], scope="items:read").json()
    assert second["scope"] == signing.verify(second["access_token"])["scope"] == "items:read"
    third = refresh(ask, shop, second["refresh_token"]).json()
    assert third["scope"] == "items:read items:write"


def test_wider_scope(ask, shop, client_as, stranger):
    only_read = redeem(ask, shop, allow(client_as(stranger), shop)).json()
    response = refresh(ask, shop, only_read["refresh_token"], scope="items:read items:write")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")
    assert refresh(ask, shop, only_read["refresh_token"]).status_code == 200


def test_scopes_end_with_the_subscription(ask, shop, first, application):
    application.subscriptions.update(status="suspended")
    body = refresh(ask, shop, first["refresh_token"]).json()
    assert (body["scope"], signing.verify(body["access_token"])["subs"]) == ("", {})


def test_another_clients_refresh_token(ask, shop, first, application, consumer):
    other = factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])
    refused(refresh(ask, other, first["refresh_token"]))
    assert refresh(ask, shop, first["refresh_token"]).status_code == 200


@pytest.mark.parametrize("token", ["x", "x" * 600, "é", "a b"])
def test_unknown_refresh_token(token, ask, shop):
    refused(refresh(ask, shop, token))


def test_refresh_token_missing(ask, shop):
    assert refresh(ask, shop, "").json()["error"] == "invalid_request"


def test_refresh_after_a_month_of_silence(ask, shop, first, later):
    with time_machine.travel(later(30 * 24 * 3600 + 1)):
        refused(refresh(ask, shop, first["refresh_token"]))


def test_refresh_of_somebody_who_left(ask, shop, first, stranger):
    stranger.is_active = False
    stranger.save()
    refused(refresh(ask, shop, first["refresh_token"]))


def test_refresh_of_a_revoked_client(ask, shop, first, consumer):
    actions.revoke(credential=shop.credential, by=consumer)
    response = refresh(ask, shop, first["refresh_token"])
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token"])
def test_revocation_ends_the_family(hint, ask, shop, first):
    extra = {"token_type_hint": hint} if hint else {}
    if not shop.secret:
        extra["client_id"] = shop.credential.public_id
    response = ask(
        shop if shop.secret else None, path="/o/revoke_token/", token=first["refresh_token"], **extra
    )
    assert (response.status_code, response.content) == (200, b"")
    refused(refresh(ask, shop, first["refresh_token"]))
    assert RevokedToken.objects.get().jti == jti(first)


def test_nobody_revokes_anothers_refresh_token(ask, shop, first, application, consumer):
    other = factories.ClientFactory(application=application, by=consumer)
    assert ask(other, path="/o/revoke_token/", token=first["refresh_token"]).status_code == 200
    assert refresh(ask, shop, first["refresh_token"]).status_code == 200


def test_introspection(ask, application, consumer, client_as, stranger):
    shop = factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])
    body = redeem(ask, shop, allow(client_as(stranger), shop)).json()

    def told(issued, token):
        return ask(issued, path="/o/introspect/", token=token).json()

    about = told(shop, body["refresh_token"])
    assert about["exp"] - about["iat"] == 30 * 24 * 3600
    assert (about["active"], about["sub"], about["scope"]) == (True, stranger.public_id, "items:read")
    assert told(shop, body["access_token"])["sub"] == stranger.public_id
    other = factories.ClientFactory(application=application, by=consumer)
    for token in (body["access_token"], body["refresh_token"]):
        assert told(other, token) == {"active": False}
    refresh(ask, shop, body["refresh_token"])
    assert told(shop, body["refresh_token"]) == {"active": False}


def test_only_the_hash_is_stored(first):
    assert first["refresh_token"] not in str(list(RefreshToken.objects.values()))


def test_sweep_forgets_what_is_over(ask, shop, first, client_as, stranger, later):
    allow(client_as(stranger), shop)
    tasks.clear_expired()
    assert PersonGrant.objects.count() == 2
    with time_machine.travel(later(2 * 24 * 3600)):
        tasks.clear_expired()
    assert PersonGrant.objects.count() == 1
    with time_machine.travel(later(31 * 24 * 3600)):
        tasks.clear_expired()
    assert not PersonGrant.objects.exists()
