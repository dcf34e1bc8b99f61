"""The page for the keys of a client: the same action as REST, which tests/keymanager/test_assertions.py tries out."""

import json

import pytest
from jwcrypto import jwk

from keymanager.models import Credential
from portal.accounts.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client_of) -> str:
    return f"/credentials/{client_of.credential.public_id}/keys/"


def jwk_set(*kids: str, private: bool = False) -> str:
    pairs = [jwk.JWK.generate(kty="EC", crv="P-256", kid=kid) for kid in kids]
    return json.dumps({"keys": [json.loads(pair.export(private_key=private)) for pair in pairs]})


def kids(client_of) -> list[str]:
    return [key["kid"] for key in Credential.objects.get(pk=client_of.credential.pk).client_keys]


def test_register_replace_withdraw(page, client_of, client_as, consumer):
    browser = client_as(consumer)
    assert page in browser.get(client_of.credential.get_absolute_url()).content.decode()
    assert "None: only its secret lets it in." in browser.get(page).content.decode()
    assert browser.post(page, {"keys": jwk_set("first")}).status_code == 302
    assert browser.post(page, {"keys": jwk_set("first", "second")}).status_code == 302
    assert kids(client_of) == ["first", "second"]
    assert "second" in browser.get(page).content.decode()
    assert "second" in browser.get(client_of.credential.get_absolute_url()).content.decode()
    assert browser.post(f"{page}withdraw/").status_code == 302
    assert kids(client_of) == []
    events = AuditEvent.objects.filter(event__startswith="client_keys", by=consumer).order_by("pk")
    assert [row.event.removeprefix("client_keys_") for row in events] == [
        "registered",
        "registered",
        "withdrawn",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "required"),
        ("{", "This is not JSON"),
        ("[]", "Give a JWK set"),
        ('{"keys": []}', "Give a JWK set"),
        ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "private key"),
        ("x" * 50_000, "at most 40000"),
        ("[" * 20_000, "This is not JSON"),
    ],
)
def test_refused(text, says, page, client_of, client_as, consumer):
    response = client_as(consumer).post(page, {"keys": text})
    assert (response.status_code, says in response.content.decode()) == (200, True)
    assert kids(client_of) == []


def test_private_key_is_refused_and_not_shown_again(page, client_of, client_as, consumer):
    text = jwk_set("mine", private=True)
    response = client_as(consumer).post(page, {"keys": text})
    assert "This is a private key" in response.content.decode()
    assert json.loads(text)["keys"][0]["d"] not in response.content.decode()
    assert kids(client_of) == []


def test_page_is_for_maintainers_and_for_clients(page, client_of, key_of, client_as, consumer, stranger):
    member = factories.person("Mo Member", team="consumers")
    for person, status in ((stranger, 404), (member, 403), (None, 302)):
        browser = client_as(person)
        assert browser.get(page).status_code == status
        assert browser.post(page, {"keys": jwk_set("x")}).status_code == status
        assert browser.post(f"{page}withdraw/").status_code == status
    key_page = f"/credentials/{key_of.credential.public_id}/keys/"
    assert client_as(consumer).get(key_page).status_code == 404
    assert kids(client_of) == []
