"""From rows to a Snapshot: what is in it, what is held back, and in how many queries."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from django.utils import timezone

from apis.models import ApiVersion
from gateway import compile as compiler
from gateway.snapshot import (
    Cors,
    EnvironmentState,
    HeaderChanges,
    Issuer,
    KeyIdentity,
    KeyLimits,
    PlanLimits,
    Reason,
    Route,
    Snapshot,
    Version,
    check_version,
)
from gateway.targets.envoy.policies import keys_resource, limits_resource, token_bucket
from keymanager import actions as credential_actions, revocation
from keymanager.models import RevokedToken
from keymanager.outside import actions as outside_actions
from subscriptions.models import Subscription
from tests import factories

pytestmark = pytest.mark.django_db
GOOD = Version(
    "pets", "1.0", "/pets/v1", "http://pets.shop.svc:8080/up", routes=(Route("GET", "/pets/{id}"),)
)


# ---- catalog ------------------------------------------------------------------------------------------------------
def test_catalog_has_what_is_served_and_what_is_blocked():
    for status in ("published", "deprecated", "blocked", "retired", "discovered", "rejected"):
        factories.ApiVersionFactory(status=status, version=status, deprecated_at=timezone.now())
    factories.ApiVersionFactory(version="gone", withdrawn_at=timezone.now())
    versions = compiler.catalog().versions

    assert {version.version: version.blocked for version in versions["production"]} == {
        "published": False,
        "deprecated": False,
        "blocked": True,
    }
    assert versions["sandbox"] == versions["production"]


def test_catalog_of_one_version(settings):
    settings.SERVICE_ADDRESSES = {"pets.shop": "127.0.0.1:8090"}
    factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="pets"),
        base_path="/pets/v1",
        status="deprecated",
        deprecated_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        sunset_on=dt.date(2027, 1, 31),
        upstreams={"sandbox": {"url": "http://pets.shop.svc:80/base/", "timeout_seconds": 7}},
        security={"oauth2": True, "api_key": False, "public": False},
        mediation={
            "request_headers": {"set": {"X-Tier": "gold"}, "remove": ["X-Debug"]},
            "response_headers": {"set": {}, "remove": []},
            "rewrite_prefix": "/v2",
            "cors": {
                "allow_origins": ["https://shop.example"],
                "allow_methods": ["GET"],
                "max_age_seconds": 60,
            },
        },
        operations=[("get", "/pets", []), ("post", "/pets", ["pets:write", "pets:admin"])],
    )
    catalog = compiler.catalog()
    (version,) = catalog.versions["sandbox"]

    assert catalog.versions["production"] == ()
    assert catalog.problems == {}
    assert version.upstream == "http://127.0.0.1:8090/base/v2"
    assert version.routes == (Route("GET", "/pets"), Route("POST", "/pets", ("pets:write", "pets:admin")))
    assert (version.tokens, version.keys, version.timeout_s) == (True, False, 7.0)
    assert version.request_headers == HeaderChanges(set=(("x-tier", "gold"),), remove=("x-debug",))
    assert version.cors == Cors(("https://shop.example",), ("GET",), max_age_s=60)
    assert version.sunset_at == dt.datetime(2027, 1, 31, tzinfo=dt.UTC)
    assert version.link.endswith(ApiVersion.objects.get().get_absolute_url())


def test_catalog_of_other_types_is_served_whole():
    factories.ApiVersionFactory(
        api=factories.ApiFactory(type="graphql"), operations=[("QUERY", "orders", [])]
    )

    assert compiler.catalog().versions["production"][0].routes == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"upstreams": {"production": {"url": "http://user:pass@host"}}},
        {"upstreams": {"production": {}}},
        {"upstreams": {"production": {"url": "http://h", "timeout_seconds": "soon"}}},
        {"base_path": "/a/../b"},
        {"mediation": {"request_headers": {"set": {"X-Portal-App": "app_mine"}}}},
        {"mediation": {"request_headers": {"set": {"X-A": "b\r\nx-portal-app: c"}}}},
        {"mediation": "none"},
        {"operations": [("GET", "no-slash", [])]},
        {"operations": [("FETCH", "/x", [])]},
    ],
)
def test_catalog_holds_back_the_one_that_is_bad(fields):
    good = factories.ApiVersionFactory()
    bad = factories.ApiVersionFactory(**fields)
    catalog = compiler.catalog()

    assert [version.api for version in catalog.versions["production"]] == [good.api.slug]
    assert list(catalog.problems) == [bad.pk]


def test_compile_in_few_queries(django_assert_num_queries):
    for _ in range(3):
        subscription = factories.SubscriptionFactory()
        factories.KeyFactory(application=subscription.application)
    with django_assert_num_queries(3):
        compiler.catalog()
    with django_assert_num_queries(9):
        compiler.access()
    for _ in range(3):
        factories.ExternalClientFactory()
    with django_assert_num_queries(10):
        compiler.access()


# ---- access -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "allowed", "refused"),
    [
        ({"status": "active"}, True, None),
        ({"status": "suspended"}, True, Reason.SUSPENDED),
        ({"status": "pending"}, False, None),
        ({"status": "cancelled"}, False, None),
        ({"status": "expired"}, False, None),
        ({"status": "active", "expires_at": timezone.now() - dt.timedelta(days=1)}, False, None),
    ],
)
def test_access_of_subscriptions(fields, allowed, refused):
    subscription = factories.SubscriptionFactory(**fields)
    key = f"{subscription.application.public_id}:{subscription.api.slug}"
    access = compiler.access()

    assert access.subscriptions == ({key: subscription.plan.slug} if allowed else {})
    assert access.refusals == ({key: refused} if refused else {})


def test_access_keeps_the_old_plan_while_a_change_waits():
    subscription = factories.SubscriptionFactory()
    Subscription.objects.update(status="change_pending", requested_plan=factories.PlanFactory())

    assert list(compiler.access().subscriptions.values()) == [subscription.plan.slug]


def test_access_of_keys(admin):
    live = factories.KeyFactory()
    sandbox = factories.KeyFactory(environment="sandbox")
    gone = factories.KeyFactory()
    credential_actions.revoke(credential=gone.credential, by=admin)
    access = compiler.access()

    assert list(access.keys["production"]) == [live.credential.key_hash]
    assert list(access.keys["sandbox"]) == [sandbox.credential.key_hash]
    assert access.revoked_credentials == {gone.credential.public_id}


def test_access_of_limited_keys(admin):
    subscription = factories.SubscriptionFactory(api=factories.ApiVersionFactory().api)
    application, slug = subscription.application, subscription.api.slug
    other = factories.SubscriptionFactory(application=application)
    for apis, ranges in (
        ([], []),
        ([slug], []),
        ([], ["203.0.113.0/24", "10.0.0.0/8"]),
        ([slug, other.api.slug], ["::1/128"]),
    ):
        credential_actions.issue_key(
            application=application,
            environment="production",
            name="Key",
            by=admin,
            allowed_apis=apis,
            allowed_ranges=ranges,
        )
    limits = [who.limits for who in compiler.access().keys["production"].values()]

    assert limits == [
        None,
        KeyLimits(apis=(slug,)),
        KeyLimits(ranges=("10.0.0.0/8", "203.0.113.0/24")),
        KeyLimits(apis=tuple(sorted((slug, other.api.slug))), ranges=("::1/128",)),
    ]


def test_access_of_revoked_tokens_while_one_may_live(settings, admin):
    client = factories.ClientFactory(by=admin).credential
    cutoff = revocation.revoke_issued_tokens(application=client.application, by=admin)
    later = cutoff.not_before + dt.timedelta(seconds=settings.MAX_TOKEN_SECONDS + 3601)

    assert compiler.access().tokens_not_before == {
        client.application.public_id: int(cutoff.not_before.timestamp())
    }
    assert compiler.access(later).tokens_not_before == {}
    factories.ExternalClientFactory(application=client.application)
    assert compiler.access(later).tokens_not_before == compiler.access().tokens_not_before
    assert compiler.access().revoked_credentials == frozenset()


def test_files_of_keys_without_limits_name_none():
    """A hundred thousand keys without limits cost what they would if there were none."""
    state = EnvironmentState("", keys={"ab" * 32: KeyIdentity("cred_a", "app_a")})
    snapshots = [Snapshot(Issuer("", ""), {"production": each}) for each in (state, EnvironmentState(""))]

    assert b"cred_a.app_a" in keys_resource(state)
    assert b"cred_a.app_a." not in keys_resource(state)
    assert limits_resource(snapshots[0]) == limits_resource(snapshots[1])


def test_files_of_limits_hold_each_once():
    limits = KeyLimits(("orders",), ("10.0.0.0/8",))
    same = {str(n): KeyIdentity(f"cred_{n}", f"app_{n}", limits) for n in range(5)}
    snapshot = Snapshot(Issuer("", ""), {"production": EnvironmentState("", keys=same)})
    rendered = json.dumps(limits_resource(snapshot))

    assert rendered.count(":orders") == rendered.count('"10.0.0.0"') == 1


def test_access_of_outside_issuers(admin):
    """Each where it is trusted, with the clients that applications have there and that still count."""
    both = factories.IssuerFactory(client_claim="azp", audiences=["a", "b"])
    sandbox = factories.IssuerFactory(environments=["sandbox"])
    off, gone = factories.IssuerFactory(), factories.IssuerFactory()
    live = factories.ExternalClientFactory(issuer=both, external_id="billing")
    other = factories.ExternalClientFactory(issuer=both, external_id="billing", environment="sandbox")
    revoked = factories.ExternalClientFactory(issuer=both)
    factories.ExternalClientFactory(issuer=off)
    ended = factories.ExternalClientFactory(issuer=gone)
    credential_actions.revoke(credential=revoked, by=admin)
    outside_actions.disable(issuer=off, by=admin)
    outside_actions.delete(issuer=gone, by=admin)
    access = compiler.access()

    (found,) = access.outside["production"]
    assert (found.url, found.audiences, found.client_claim) == (both.url, ("a", "b"), "azp")
    assert json.loads(found.jwks)["keys"] == both.keys
    assert found.clients == {"billing": KeyIdentity(live.public_id, live.application.public_id)}
    assert [issuer.url for issuer in access.outside["sandbox"]] == [both.url, sandbox.url]
    assert access.outside["sandbox"][0].clients["billing"].credential == other.public_id
    assert access.revoked_credentials == {revoked.public_id, ended.public_id}


def test_access_of_an_external_client_ends(admin):
    """By the clock, and with its application; then the issuer stays, with nobody."""
    soon = timezone.now() + dt.timedelta(minutes=5)
    credential = factories.ExternalClientFactory(expires_at=soon)
    assert compiler.access().changes_at == soon

    credential.application.deleted_at = timezone.now()
    credential.application.save()
    assert [dict(issuer.clients) for issuer in compiler.access().outside["production"]] == [{}]


def test_access_forgets_revocations_whose_tokens_have_ended(settings, admin):
    client = factories.ClientFactory(by=admin).credential
    now = timezone.now()
    RevokedToken.objects.create(jti="alive", credential=client, expires_at=now + dt.timedelta(minutes=5))
    RevokedToken.objects.create(jti="over", credential=client, expires_at=now - dt.timedelta(minutes=65))
    credential_actions.revoke(credential=client, by=admin)
    later = now + dt.timedelta(seconds=settings.MAX_TOKEN_SECONDS + 3660)

    assert compiler.access(now).revoked_tokens == {"alive"}
    assert client.public_id in compiler.access(now).revoked_credentials
    assert compiler.access(later).revoked_credentials == frozenset()


def test_access_tells_of_keys_that_expired():
    now = timezone.now()
    ages = {"lately": 1, "long-ago": 31, "in-use": -1, "revoked": 1}
    keys = {name: factories.KeyFactory().credential for name in ages}
    for name, days in ages.items():
        key = keys[name]
        key.expires_at = now - dt.timedelta(days=days)
        key.status = "revoked" if name == "revoked" else key.status
        key.revoked_at = now if name == "revoked" else None
        key.save()
    access = compiler.access()

    assert access.expired_keys == {
        "production": frozenset({keys["lately"].key_hash}),
        "sandbox": frozenset(),
    }
    assert set(access.keys["production"]) == {keys["in-use"].key_hash}


def test_access_of_a_deleted_application():
    key = factories.KeyFactory().credential
    application = key.application
    factories.SubscriptionFactory(application=application)
    application.deleted_at = timezone.now()
    application.save()
    access = compiler.access()

    assert access.subscriptions == {}
    assert access.keys["production"] == {}
    assert access.revoked_credentials == {key.public_id}


def test_access_tells_when_the_clock_changes_it():
    soon = timezone.now() + dt.timedelta(hours=1)
    factories.SubscriptionFactory(expires_at=soon + dt.timedelta(hours=1))
    factories.KeyFactory(expires_at=soon)

    assert compiler.access().changes_at == soon


# ---- checks -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "changes",
    [
        {"api": "a:b"},
        {"base_path": "/"},
        {"base_path": "pets"},
        {"base_path": "/pets?x=1"},
        {"upstream": "http://"},
        {"upstream": "http://h:99999"},
        {"upstream": "http://h/\nx"},
        {"upstream": "file:///etc/passwd"},
        {"version": "1\n0"},
        {"timeout_s": float("inf")},
        {"timeout_s": 1e-5},
        {"upstream": "http://1:2"},
        {"upstream": "http://[::1]x:80"},
        {"upstream": "http://[::g]"},
        {"upstream": "http://300.1.1.1"},
        {"upstream": "http://a..b"},
        {"upstream": "http://" + "x" * 64},
        {"upstream": "http://h/up/../../x"},
        {"routes": (Route("GET", "/" + "{a}-" * 31),)},
        {"routes": (Route("GET", "/x", tuple(f"scope-{n}" for n in range(30_000))),)},
        {"response_headers": HeaderChanges(remove=tuple(f"x-{n}" for n in range(51)))},
        {"routes": (Route("GET", "/x", ("",)),)},
        {"routes": (Route("GET", "/" + "x" * 2000),)},
        {"routes": tuple(Route("GET", f"/{n}") for n in range(5001))},
        {
            "routes": tuple(Route("GET", f"/{n}") for n in range(5000)),
            "request_headers": HeaderChanges(set=(("x-a", "x" * 3000),)),
        },
        {"response_headers": HeaderChanges(set=(("content-length", "1"),))},
        {"cors": Cors(("*",), credentials=True)},
    ],
)
def test_check_finds_what_cannot_be_served(changes):
    assert check_version(GOOD) == []
    assert check_version(replace(GOOD, **changes))


def test_check_lets_pass_what_can_be_served():
    many = tuple(Route("GET", f"/{{id}}/sub/{n}", ("pets:read",)) for n in range(5000))
    for changes in (
        {"routes": many},
        {"upstream": "https://[2001:db8::1]:8443/up"},
        {"upstream": "http://10.0.0.1"},
        {"upstream": "http://my_service.shop.svc.cluster.local.:80"},
        {"timeout_s": 0.25},
    ):
        assert check_version(replace(GOOD, **changes)) == [], changes


@pytest.mark.parametrize(
    ("plan", "bucket"),
    [
        (PlanLimits("a", 1000, 60, 50), (50, 1, "0.060000s")),
        (PlanLimits("b", 60, 60, 5), (5, 1, "1.000000s")),
        (PlanLimits("c", 100_000, 60, 500), (500, 84, "0.050400s")),
        (PlanLimits("d", 1, 86400, 1), (1, 1, "86400.000000s")),
    ],
)
def test_bucket_of_a_plan(plan, bucket):
    """Envoy takes no interval under 50 ms, so a fast plan gets several tokens at a time."""
    assert tuple(token_bucket(plan).values()) == bucket
