"""Outside issuers: whom an administrator may trust, what is fetched from them, and what teams add of theirs."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from jwcrypto import jwk

from keymanager import actions as credential_actions, tasks, tokens
from keymanager.algorithms import encode
from keymanager.models import Credential, TrustedIssuer
from keymanager.outside import actions, keys
from portal.accounts.models import AuditEvent
from portal.errors import Conflict, Forbidden, Invalid, NotFound
from tests import factories
from tests.keymanager.issuers import EC, RSA, OutsideServer, outside_server, public

pytestmark = pytest.mark.django_db
# A modulus of 2048 bits that is no product of two odd primes.
EVEN = encode((2**2047 + 2).to_bytes(256))


@pytest.fixture
def theirs(settings) -> Iterator[OutsideServer]:
    with outside_server() as server:
        settings.SERVICE_ADDRESSES = {"sso.corp": f"127.0.0.1:{server.port}"}
        yield server


@pytest.fixture
def trust(admin) -> Any:
    """Trust an issuer whose keys are given."""

    def call(**fields: Any) -> TrustedIssuer:
        defaults = {
            "name": "Corp SSO",
            "url": "https://sso.corp.example",
            "audiences": ["https://pets.example"],
            "environments": ["production", "sandbox"],
            "given_keys": public(RSA),
            "by": admin,
        }
        return actions.trust(**{**defaults, **fields})

    return call


def add(application: Any, issuer: TrustedIssuer, by: Any, **fields: Any) -> Credential:
    defaults = {"environment": "production", "name": "Billing", "external_id": "billing"}
    return actions.add_client(application=application, issuer=issuer, by=by, **{**defaults, **fields})


def events(target: Any) -> list[str]:
    return list(AuditEvent.objects.about(target).values_list("event", flat=True))


# ---- trusting ---------------------------------------------------------------------------------------------------
def test_trust_by_discovery(theirs, trust):
    theirs.publish(RSA, EC)
    issuer = trust(url=theirs.url, given_keys=None)

    assert issuer.fetches
    assert [(key["kid"], key["alg"]) for key in issuer.keys] == [("theirs-1", "RS256"), ("theirs-2", "ES256")]
    assert not any({"d", "p", "x5c"} & key.keys() for key in issuer.keys)
    assert events(issuer) == ["issuer_trusted"]


def test_trust_by_discovery_of_an_authorization_server(theirs, trust):
    """RFC 8414 puts the well-known part before the issuer's path."""
    metadata = theirs.answers.pop("/realms/a/.well-known/openid-configuration")
    theirs.answers["/.well-known/oauth-authorization-server/realms/a"] = metadata

    assert trust(url=theirs.url, given_keys=None).keys


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": "https://other.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "not an http or https address"),
        ({"jwks_uri": "http://127.0.0.1/keys"}, "does not call"),
        ({"jwks_uri": "https://169.254.169.254/latest"}, "does not call"),
        ({"jwks_uri": "https://10.0.0.1/keys"}, "private network"),
        ({"jwks_uri": "https://[fd00::1]/keys"}, "private network"),
        ({"jwks_uri": "http://1.1.1.1/keys"}, "not an https address"),
    ],
)
def test_trust_not_by_metadata_that_lead_elsewhere(theirs, trust, change, words):
    theirs.publish(RSA, **change)
    with pytest.raises(Invalid, match=words) as refused:
        trust(url=theirs.url, given_keys=None)
    assert refused.value.field == "url"
    assert not TrustedIssuer.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"[" * 100_000, b'{"a": 1}' + b" " * 300_000, b"\xff", b'{"keys": 1}']
)
def test_trust_not_by_a_hostile_key_set(theirs, trust, body):
    theirs.answer("/realms/a/keys", body)
    with pytest.raises(Invalid):
        trust(url=theirs.url, given_keys=None)


def test_trust_asks_no_private_host(trust, settings):
    """Only a setting permits it."""
    settings.SERVICE_ADDRESSES = {}
    for url in ("http://127.0.0.1:9/x", "https://localhost/x", "https://10.1.2.3/x", "http://1.1.1.1"):
        with pytest.raises(Invalid):
            trust(url=url, given_keys=None)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "sso.corp.example"},
        {"url": "ftp://sso.corp.example"},
        {"url": "https://user@sso.corp.example"},
        {"url": "https://sso.corp.example?x=1"},
        {"url": "https://sso.corp.example/a|b"},
        {"url": "https://sso.corp.example/a b"},
        {"url": "https://sso.corp.example/" + "x" * 500},
        {"audiences": []},
        {"audiences": ["a b"]},
        {"audiences": [""]},
        {"audiences": [f"a{n}" for n in range(11)]},
        {"environments": []},
        {"environments": ["staging"]},
        {"client_claim": ""},
        {"client_claim": "client id"},
        {"client_claim": ".azp"},
        {"name": ""},
        {"given_keys": {"keys": []}},
    ],
)
def test_trust_not_with_a_bad_field(trust, fields):
    with pytest.raises(Invalid):
        trust(**fields)


def test_trust_not_the_portal_itself(trust, settings):
    with pytest.raises(Invalid, match="this portal itself"):
        trust(url=settings.ISSUER)


@pytest.mark.parametrize("fields", [{"name": "Another"}, {"url": "https://another.example"}])
def test_trust_once(trust, fields):
    trust()
    with pytest.raises(Conflict):
        trust(**fields)


def test_trust_is_for_administrators(trust, consumer):
    with pytest.raises(Forbidden):
        trust(by=consumer)


# ---- keys -------------------------------------------------------------------------------------------------------
def test_usable_keys_leaves_out_what_cannot_check_a_token():
    """As RFC 7517 section 5 has it: a set may hold keys of kinds to come."""
    others = [
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {**public(RSA)["keys"][0], "use": "enc"},
        {**public(RSA)["keys"][0], "alg": "PS256"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": EVEN, "e": "AQAB"},
        {"kty": "RSA", "n": 5, "e": []},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {},
    ]

    assert [key["kid"] for key in keys.usable({"keys": [*others, *public(RSA)["keys"]]})] == ["theirs-1"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": [1]},
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [json.loads(RSA.export_private())]},
        {"keys": [*public(EC)["keys"], {"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [*public(jwk.JWK.generate(kty="RSA", size=1024))["keys"]]},
        {"keys": public(RSA)["keys"] * 51},
    ],
)
def test_usable_keys_refuses(document):
    with pytest.raises(Invalid):
        keys.usable(document)


def test_refresh_takes_new_keys(theirs, trust):
    issuer = trust(url=theirs.url, given_keys=None)
    theirs.publish(EC)
    tasks.refresh_issuers()
    issuer.refresh_from_db()

    assert [key["kid"] for key in issuer.keys] == ["theirs-2"]
    assert events(issuer) == ["issuer_keys_changed", "issuer_trusted"]


def test_refresh_that_fails_keeps_the_keys(theirs, trust):
    issuer = trust(url=theirs.url, given_keys=None)
    theirs.answer("/realms/a/keys", {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})
    for _ in range(2):
        tasks.refresh_issuer(issuer.public_id)
    issuer.refresh_from_db()

    assert [key["kid"] for key in issuer.keys] == ["theirs-1"]
    assert "symmetric" in issuer.problem
    assert events(issuer) == ["issuer_keys_not_fetched", "issuer_trusted"]

    theirs.publish(RSA)
    tasks.refresh_issuer(issuer.public_id)
    issuer.refresh_from_db()
    assert (issuer.problem, issuer.problem_since) == ("", None)
    assert events(issuer)[0] == "issuer_keys_fetched_again"


def test_refresh_leaves_given_and_disabled_alone(theirs, trust, admin):
    given = trust()
    fetched = trust(name="Other", url=theirs.url, given_keys=None)
    actions.disable(issuer=fetched, by=admin)
    asked = len(theirs.asked)
    tasks.refresh_issuers()

    assert len(theirs.asked) == asked
    with pytest.raises(Conflict):
        actions.refresh(issuer=given, by=admin)


# ---- changing ---------------------------------------------------------------------------------------------------
def test_edit(trust, admin):
    issuer = trust()
    actions.edit(
        issuer=issuer,
        name="Corp",
        audiences=["a", "b", "a"],
        environments=["sandbox"],
        client_claim="azp",
        given_keys=public(EC),
        by=admin,
    )
    issuer.refresh_from_db()

    assert (issuer.name, issuer.audiences, issuer.client_claim) == ("Corp", ["a", "b"], "azp")
    assert (issuer.serves("sandbox"), issuer.serves("production")) == (True, False)
    assert events(issuer)[0] == "issuer_edited"


def test_disable_and_enable(trust, admin):
    issuer = trust()
    for _ in range(2):
        issuer = actions.disable(issuer=issuer, by=admin)
    assert not issuer.serves("production")
    issuer = actions.enable(issuer=issuer, by=admin)
    assert issuer.serves("production")
    assert events(issuer) == ["issuer_enabled", "issuer_disabled", "issuer_trusted"]


def test_delete_revokes_its_clients(trust, application, consumer, admin):
    issuer = trust()
    credential = add(application, issuer, consumer)
    actions.delete(issuer=issuer, by=admin)
    credential.refresh_from_db()

    assert credential.status == "revoked"
    assert events(credential)[0] == "credential_revoked"
    assert not TrustedIssuer.objects.visible_to(admin).exists()
    assert trust().pk != issuer.pk
    with pytest.raises(NotFound):
        actions.enable(issuer=issuer, by=admin)


# ---- clients ----------------------------------------------------------------------------------------------------
def test_add_client(trust, application, consumer):
    credential = add(application, trust(), consumer, external_id=" billing ")

    assert (credential.kind, credential.external_id) == ("external_client", "billing")
    assert (credential.label, credential.usable, credential.trusted) == ("billing", True, True)
    assert (credential.key_hash, credential.oauth_application) == ("", None)
    row = AuditEvent.objects.about(credential).get()
    assert (row.event, row.data["issuer"]) == ("credential_issued", "https://sso.corp.example")


def test_add_client_once(trust, application, consumer, stranger, admin):
    """Until it is revoked; in another environment it is another one."""
    issuer = trust()
    credential = add(application, issuer, consumer)
    elsewhere = factories.ApplicationFactory(team=factories.TeamFactory(slug="strangers"))
    with pytest.raises(Conflict) as refused:
        add(elsewhere, issuer, stranger)
    assert application.name not in refused.value.message
    add(elsewhere, issuer, stranger, environment="sandbox")

    credential_actions.revoke(credential=credential, by=admin)
    assert add(elsewhere, issuer, stranger).usable


def test_add_client_whose_credential_has_ended(trust, application, consumer, stranger, later):
    """By the clock, or with its application, of which nobody could revoke it any more."""
    issuer, soon = trust(), timezone.now() + timedelta(minutes=5)
    expired = add(application, issuer, consumer, expires_at=soon)
    elsewhere = factories.ApplicationFactory(team=factories.TeamFactory(slug="strangers"))
    with time_machine.travel(later(400), tick=False):
        orphan = add(elsewhere, issuer, stranger)
        elsewhere.deleted_at = timezone.now()
        elsewhere.save()
        assert add(application, issuer, consumer).usable
    for credential in (expired, orphan):
        credential.refresh_from_db()
        assert (credential.status, events(credential)[0]) == ("revoked", "credential_retired")


@pytest.mark.parametrize(
    "fields",
    [
        {"external_id": ""},
        {"external_id": "x" * 256},
        {"external_id": "a\nb"},
        {"external_id": "bürö"},
        {"environment": "staging"},
        {"name": ""},
        {"expires_at": timezone.now() - timedelta(days=1)},
    ],
)
def test_add_client_not_with_a_bad_field(trust, application, consumer, fields):
    with pytest.raises(Invalid):
        add(application, trust(), consumer, **fields)


def test_add_client_not_where_its_issuer_is_not_trusted(trust, application, consumer, admin):
    issuer = trust(environments=["sandbox"])
    with pytest.raises(Invalid, match="not trusted"):
        add(application, issuer, consumer)
    actions.disable(issuer=issuer, by=admin)
    with pytest.raises(Invalid, match="not trusted"):
        add(application, issuer, consumer, environment="sandbox")


def test_add_client_is_for_the_team(trust, application, stranger):
    with pytest.raises(Forbidden):
        add(application, trust(), stranger)


def test_external_client_has_no_secret_here(trust, application, consumer):
    credential = add(application, trust(), consumer)
    with pytest.raises(Conflict, match="no secret"):
        credential_actions.rotate(credential=credential, overlap=3600, by=consumer)
    with pytest.raises(Conflict, match="Only an OAuth client"):
        tokens.mint_for(credential=credential)
    assert credential_actions.revoke(credential=credential, by=consumer).status == "revoked"
