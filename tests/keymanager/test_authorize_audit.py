"""Whatever the authorization end point refuses stands in the trail, and a flood of it does not."""

import pytest
import time_machine
from django.test import Client

from keymanager import actions
from keymanager.models import PersonGrant
from portal.accounts.models import AuditEvent
from tests import factories
from tests.keymanager.authorization import CALLBACK, address, allow, answer, redeem, refresh

pytestmark = pytest.mark.django_db
WRONG = {
    "redirect_uri": {"redirect_uri": "https://evil.example/"},
    "invalid_request": {"code_challenge_method": "plain"},
    "unsupported_response_type": {"response_type": "token"},
    "invalid_scope": {"scope": "portal:admin"},
    "request_not_supported": {"request": "x"},
    "login_required": {"prompt": "none"},
}


@pytest.fixture
def shop(application, consumer):
    return factories.ClientFactory(application=application, by=consumer, redirect_uris=[CALLBACK])


def refusals(**fields) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event="authorization_refused", **fields).order_by("pk"))


@pytest.mark.parametrize("reason", WRONG)
def test_refused_before_anybody_signed_in(reason, shop, application):
    for _ in range(5):
        assert Client().get(address(shop, **WRONG[reason])).status_code in {302, 400}
    (row,) = refusals()
    assert (row.target_id, row.team, row.by) == (shop.credential.public_id, application.team, None)
    assert row.data == {"reason": reason, "address": "127.0.0.1"}


@pytest.mark.parametrize("reason", [reason for reason in WRONG if reason != "login_required"])
def test_refused_person_is_named(reason, shop, client_as, stranger, consumer):
    for person in (stranger, consumer):
        for _ in range(3):
            client_as(person).get(address(shop, **WRONG[reason]))
    assert [row.by for row in refusals()] == [stranger, consumer]
    assert {str(row.data) for row in refusals()} == {str({"reason": reason})}


def test_another_hour_another_row(shop, later):
    Client().get(address(shop, **WRONG["redirect_uri"]))
    with time_machine.travel(later(3700)):
        Client().get(address(shop, **WRONG["redirect_uri"]))
    assert len(refusals()) == 2


def test_the_persons_no_is_written_each_time(shop, client_as, stranger):
    for _ in range(2):
        answer(client_as(stranger).post(address(shop), {"decision": "deny"}))
    assert [row.data for row in refusals()] == [{"reason": "access_denied"}] * 2


@pytest.mark.parametrize("client_id", ["cred_nobody", None, "", "x\0", "<script>" * 500])
def test_unknown_client(client_id, shop):
    for _ in range(3):
        assert Client().get(address(shop, client_id=client_id)).status_code == 400
    (row,) = refusals()
    assert (row.data["reason"], row.team, row.target_name) == ("client_unknown", None, "unknown client")
    assert len(row.target_id) <= 32
    assert row.target_id == "cred_nobody" or "cred" not in row.target_id


def test_ended_client_is_its_teams_to_know(shop, application, consumer):
    actions.revoke(credential=shop.credential, by=consumer)
    Client().get(address(shop))
    (row,) = refusals()
    assert (row.target_id, row.team, row.data["reason"]) == (
        shop.credential.public_id,
        application.team,
        "client_ended",
    )


def test_unknown_clients_from_everywhere_fill_no_table(shop, settings):
    settings.TRUSTED_PROXIES = 1
    for n in range(30):
        where = {"X-Forwarded-For": f"203.0.113.{n}"}
        Client().get(address(shop, client_id=f"cred_{n}"), headers=where)
    assert len(refusals()) == 20


def test_codes_and_tokens_refused_without_end_fill_no_table(shop, ask, client_as, stranger):
    browser = client_as(stranger)
    code, other = allow(browser, shop), allow(browser, shop)
    for _ in range(3):
        redeem(ask, shop, code, code_verifier="x" * 43)
        redeem(ask, shop, other, code_verifier="x" * 43)
    first = redeem(ask, shop, code).json()
    for _ in range(3):
        redeem(ask, shop, code)
        refresh(ask, shop, first["refresh_token"])
    told = AuditEvent.objects.filter(event__endswith="_refused").order_by("pk")
    assert [(row.event, row.data["reason"]) for row in told] == [
        ("authorization_code_refused", "code_verifier"),
        ("authorization_code_refused", "code_verifier"),
        ("authorization_code_refused", "replayed"),
        ("refresh_refused", "ended"),
    ]
    assert PersonGrant.objects.filter(ended_at__isnull=False).count() == 1
