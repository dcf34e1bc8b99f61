"""Who may do what: THE table, role × action × expected, for every app.

Each app's actions are rows of its own list below; add a row by naming the action and what each role gets. A row's `do`
is called with the person: to raise Forbidden is a refusal, and so is a false answer, as where a queryset has no row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from apis import actions as apis_actions, permissions as apis_permissions
from apis.docs import actions as docs_actions
from apis.enforcement import actions as enforcement
from apis.models import Api, ApiVersion, DocsPage, SyncProblem
from gateway import actions as gateway_actions
from gateway.models import CallSeries, FailedCall, Receipt
from gateway.tryit.actions import mint_token
from gateway.usage.scopes import scope_of
from keymanager import actions as keymanager_actions
from keymanager.inventory import credentials_of
from keymanager.models import Credential, SigningKey, TrustedIssuer
from keymanager.oauth import client_keys
from keymanager.outside import actions as outside_actions
from keymanager.revocation import revoke_issued_tokens
from keymanager.signing import ensure_signing_keys
from keymanager.tokens import mint_for
from portal.accounts import actions as accounts_actions
from portal.accounts.models import Membership, NamespaceGrant, Team, TeamRole
from portal.accounts.roles import Permission, check
from portal.errors import Forbidden, NotFound
from subscriptions import actions as subscriptions_actions
from subscriptions.models import Application, Subscription
from subscriptions.request_forms.actions import set_request_form
from tests import factories

pytestmark = pytest.mark.django_db

# The team `publishers` owns the API and its namespace; the team `consumers` owns an application.
ROLES = (
    "anonymous",
    "stranger",
    "consumer_member",
    "consumer_maintainer",
    "consumer_owner",
    "publisher_member",
    "publisher_maintainer",
    "publisher_owner",
    "admin",
)
EVERYBODY = frozenset(ROLES)
SIGNED_IN = EVERYBODY - {"anonymous"}
CONSUMERS = frozenset({"consumer_member", "consumer_maintainer", "consumer_owner"})
CONSUMER_MAINTAINERS = frozenset({"consumer_maintainer", "consumer_owner"})
CONSUMER_OWNER = frozenset({"consumer_owner"})
PUBLISHING_TEAM = frozenset({"publisher_member", "publisher_maintainer", "publisher_owner"})
PUBLISHERS = frozenset({"publisher_maintainer", "publisher_owner"})
ADMIN = frozenset({"admin"})
IN_A_MONTH = timezone.now().date() + timedelta(days=30)


@dataclass(frozen=True)
class Row:
    """`do` raises Forbidden or answers falsely for everybody who is not among `allowed`."""

    action: str
    do: Callable[[Any], Any]
    allowed: frozenset[str]


@pytest.fixture
def person(request):
    """The person in the role of the parameter."""
    role = request.param
    if role == "anonymous":
        return AnonymousUser()
    if role == "admin":
        return factories.UserFactory(is_admin=True)
    if role == "stranger":
        return factories.person("Stan Stranger", team="strangers", role=TeamRole.OWNER)
    side, _, in_team = role.partition("_")
    return factories.person("Pat Person", team=f"{side}s", role=TeamRole(in_team))


def version(status: str, **fields: Any) -> ApiVersion:
    return factories.ApiVersionFactory(status=status, **fields)


def sees(rows: Any) -> bool:
    return bool(rows.exists())


def an_api(visibility: str, status: str = "published") -> Api:
    return version(status, api=factories.ApiFactory(visibility=visibility)).api


# ---- apis ---------------------------------------------------------------------------------------------------------
def sees_api(visibility: str, status: str = "published") -> Callable[[Any], bool]:
    return lambda by: sees(Api.objects.visible_to(by).filter(pk=an_api(visibility, status).pk))


def decides(step: str, before: str, **fields: Any) -> Callable[[Any], Any]:
    return lambda by: getattr(apis_actions, step)(version=version(before), by=by, **fields)


def sees_problem(by: Any) -> bool:
    NamespaceGrant.objects.create(
        cluster="test", namespace="publishers", team=factories.TeamFactory(slug="publishers")
    )
    SyncProblem.objects.create(
        cluster="test", kind="Api", namespace="publishers", object_name="x", message="No."
    )
    return sees(SyncProblem.objects.visible_to(by))


def views_sync(by: Any) -> bool:
    NamespaceGrant.objects.create(
        cluster="test", namespace="publishers", team=factories.TeamFactory(slug="publishers")
    )
    return apis_permissions.can_view_sync(by)


def writes_docs(by: Any) -> Any:
    return docs_actions.write(api=an_api("public"), title="Paging", text="Use it.", by=by)


def on_docs_page(step: str, **said: Any) -> Callable[[Any], Any]:
    def do(by: Any) -> bool:
        page = DocsPage.objects.create(api=an_api("public"), slug="paging", title="Paging", text="Use it.")
        getattr(docs_actions, step)(page=page, by=by, **said)
        return True

    return do


def changes_enforcement(by: Any) -> bool:
    """The cluster of this version is none: whoever may get so far as to ask it is not refused by a role."""
    try:
        enforcement.change(version=an_api("public").current_version, wish={"plans": []}, by=by)
    except NotFound:
        return True
    return False


APIS = [
    Row("see a public API", sees_api("public"), EVERYBODY),
    Row("see an internal API", sees_api("internal"), SIGNED_IN),
    Row("see a team's API", sees_api("team"), PUBLISHING_TEAM | ADMIN),
    Row("see a discovered API", sees_api("public", "discovered"), PUBLISHING_TEAM | ADMIN),
    Row("see a retired API", sees_api("public", "retired"), PUBLISHING_TEAM | ADMIN),
    Row(
        "see an API's source",
        lambda by: apis_permissions.can_view_source(by, an_api("public")),
        PUBLISHING_TEAM | ADMIN,
    ),
    Row("publish", decides("publish", "discovered"), PUBLISHERS | ADMIN),
    Row("reject", decides("reject", "discovered", reason="No."), PUBLISHERS | ADMIN),
    Row(
        "deprecate",
        decides("deprecate", "published", sunset_on=IN_A_MONTH),
        PUBLISHERS | ADMIN,
    ),
    Row("republish", decides("republish", "deprecated"), PUBLISHERS | ADMIN),
    Row("block", decides("block", "published", reason="No."), PUBLISHERS | ADMIN),
    Row("unblock", decides("unblock", "blocked"), PUBLISHERS | ADMIN),
    Row("retire", decides("retire", "deprecated"), PUBLISHERS | ADMIN),
    Row("change what is enforced", changes_enforcement, PUBLISHERS | ADMIN),
    Row("write a docs page", writes_docs, PUBLISHERS | ADMIN),
    Row("change a docs page", on_docs_page("change", text="Other."), PUBLISHERS | ADMIN),
    Row("delete a docs page", on_docs_page("delete"), PUBLISHERS | ADMIN),
    Row("see the cluster sync", views_sync, PUBLISHING_TEAM | ADMIN),
    Row("see a sync problem", sees_problem, PUBLISHING_TEAM | ADMIN),
    Row("start a full sync", lambda by: apis_permissions.check_can_sync(by) or True, ADMIN),
]


# ---- keymanager ---------------------------------------------------------------------------------------------------
def a_client() -> Credential:
    return factories.ClientFactory().credential


def revokes_token(by: Any) -> Any:
    client = a_client()
    token = mint_for(credential=client)
    return sees(Credential.objects.visible_to(by)) and keymanager_actions.revoke_token(token=token, by=by)


def rotates_signing_key(by: Any) -> Any:
    ensure_signing_keys()
    SigningKey.objects.update(created_at=timezone.now() - timedelta(days=1))
    return keymanager_actions.rotate_signing_key(by=by)


def disabled() -> TrustedIssuer:
    return outside_actions.disable(issuer=factories.IssuerFactory(), by=factories.UserFactory(is_admin=True))


def fetched_issuer() -> TrustedIssuer:
    """Its host is one that is not called, so that its keys stay as they are, with the problem."""
    issuer = factories.IssuerFactory(url="https://127.0.0.1")
    TrustedIssuer.objects.update(key_source="discovery")
    issuer.refresh_from_db()
    return issuer


def edits_issuer(by: Any) -> Any:
    return outside_actions.edit(
        issuer=factories.IssuerFactory(),
        name="A",
        audiences=["a"],
        environments=["sandbox"],
        client_claim="azp",
        given_keys=factories.A_JWK_SET,
        by=by,
    )


def issues(action: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda by: action(
        application=factories.ApplicationFactory(), environment="sandbox", name="A", by=by
    )


KEYMANAGER = [
    Row(
        "see a credential",
        lambda by: sees(Credential.objects.visible_to(by).filter(pk=a_client().pk)),
        CONSUMERS | ADMIN,
    ),
    Row("find a credential in the inventory", lambda by: a_client() in credentials_of(by), CONSUMERS | ADMIN),
    Row("issue a client", issues(keymanager_actions.issue_client), CONSUMER_MAINTAINERS | ADMIN),
    Row("issue a key", issues(keymanager_actions.issue_key), CONSUMER_MAINTAINERS | ADMIN),
    Row(
        "revoke all tokens of an application",
        lambda by: revoke_issued_tokens(application=a_client().application, by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "register keys of a client",
        lambda by: client_keys.register(credential=a_client(), document=factories.A_JWK_SET, by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "take keys of a client away",
        lambda by: client_keys.withdraw(credential=a_client(), by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "rotate a credential",
        lambda by: keymanager_actions.rotate(credential=a_client(), overlap=900, by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "revoke a credential",
        lambda by: keymanager_actions.revoke(credential=a_client(), by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "mint a token by hand",
        lambda by: keymanager_actions.mint_token(credential=a_client(), lifetime=60, by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row("revoke a token", revokes_token, CONSUMER_MAINTAINERS | ADMIN),
    Row("rotate the signing key", rotates_signing_key, ADMIN),
    Row(
        "see an outside issuer",
        lambda by: sees(TrustedIssuer.objects.visible_to(by).filter(pk=factories.IssuerFactory().pk)),
        SIGNED_IN,
    ),
    Row("see a disabled issuer", lambda by: disabled() and sees(TrustedIssuer.objects.visible_to(by)), ADMIN),
    Row("trust an issuer", lambda by: factories.IssuerFactory(by=by), ADMIN),
    Row("edit an issuer", edits_issuer, ADMIN),
    Row(
        "fetch an issuer's keys",
        lambda by: outside_actions.refresh(issuer=fetched_issuer(), by=by),
        ADMIN,
    ),
    Row(
        "disable an issuer",
        lambda by: outside_actions.disable(issuer=factories.IssuerFactory(), by=by),
        ADMIN,
    ),
    Row("enable an issuer", lambda by: outside_actions.enable(issuer=disabled(), by=by), ADMIN),
    Row(
        "delete an issuer",
        lambda by: outside_actions.delete(issuer=factories.IssuerFactory(), by=by) or True,
        ADMIN,
    ),
    Row(
        "add an external client",
        lambda by: factories.ExternalClientFactory(by=by),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
]


# ---- subscriptions ------------------------------------------------------------------------------------------------
def a_subscription(status: str = "active", **fields: Any) -> Subscription:
    free, gold = factories.PlanFactory(), factories.PlanFactory(approval="manual")
    api = factories.ApiVersionFactory(plans=[free, gold]).api
    if status == "change_pending":
        fields["requested_plan"] = gold
    return factories.SubscriptionFactory(api=api, plan=free, status=status, **fields)


def on_subscription(step: str, status: str, **fields: Any) -> Callable[[Any], Any]:
    return lambda by: getattr(subscriptions_actions, step)(
        subscription=a_subscription(status), by=by, **fields
    )


def subscribes(by: Any) -> Any:
    plan = factories.PlanFactory()
    api = factories.ApiVersionFactory(plans=[plan]).api
    return subscriptions_actions.subscribe(
        application=factories.ApplicationFactory(), api=api, plan=plan, by=by
    )


def changes_plan(by: Any) -> Any:
    subscription = a_subscription()
    other = subscription.api.current_version.plans.exclude(pk=subscription.plan_id).get()
    return subscriptions_actions.change_plan(subscription=subscription, plan=other, by=by)


def deletes_application(by: Any) -> bool:
    subscriptions_actions.delete_application(application=factories.ApplicationFactory(), by=by)
    return True


def transfers(by: Any) -> Any:
    """To a team in which anybody may take it."""
    taker = factories.TeamFactory(slug="takers")
    if by.is_authenticated:
        Membership.objects.create(team=taker, user=by, role=TeamRole.MAINTAINER)
    return subscriptions_actions.transfer_application(
        application=factories.ApplicationFactory(), team=taker, by=by
    )


SUBSCRIPTIONS = [
    Row(
        "set an API's request form",
        lambda by: set_request_form(
            api=an_api("public"),
            schema='{"type": "object", "properties": {"purpose": {"type": "string"}}}',
            by=by,
        ),
        PUBLISHERS | ADMIN,
    ),
    Row(
        "see an application",
        lambda by: sees(Application.objects.visible_to(by).filter(pk=factories.ApplicationFactory().pk)),
        CONSUMERS | ADMIN,
    ),
    Row(
        "see a subscription",
        lambda by: sees(Subscription.objects.visible_to(by).filter(pk=a_subscription().pk)),
        CONSUMERS | PUBLISHING_TEAM | ADMIN,
    ),
    Row(
        "register an application",
        lambda by: subscriptions_actions.register_application(
            team=factories.TeamFactory(slug="consumers"), name="A", by=by
        ),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "update an application",
        lambda by: subscriptions_actions.update_application(
            application=factories.ApplicationFactory(), name="B", description="", by=by
        ),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row(
        "have an application at home",
        lambda by: factories.ApplicationFactory() in Application.objects.own(by),
        CONSUMERS,
    ),
    Row("delete an application", deletes_application, frozenset({"consumer_owner"}) | ADMIN),
    Row("give an application to another team", transfers, CONSUMER_OWNER | ADMIN),
    Row("subscribe", subscribes, CONSUMER_MAINTAINERS | ADMIN),
    Row("change plan", changes_plan, CONSUMER_MAINTAINERS | ADMIN),
    Row(
        "withdraw a plan change",
        on_subscription("withdraw_plan_change", "change_pending"),
        CONSUMER_MAINTAINERS | ADMIN,
    ),
    Row("cancel", on_subscription("cancel", "active"), CONSUMER_MAINTAINERS | ADMIN),
    Row("approve", on_subscription("approve", "pending"), PUBLISHING_TEAM | ADMIN),
    Row("reject a request", on_subscription("reject", "pending", reason="No."), PUBLISHING_TEAM | ADMIN),
    Row("suspend", on_subscription("suspend", "active", reason="No."), PUBLISHERS | ADMIN),
    Row("resume", on_subscription("resume", "suspended"), PUBLISHERS | ADMIN),
]


# ---- accounts -----------------------------------------------------------------------------------------------------
def adds_member(by: Any) -> Any:
    return accounts_actions.add_member(
        team=factories.TeamFactory(slug="consumers"),
        email=factories.UserFactory().email,
        role="member",
        by=by,
    )


def a_member() -> Membership:
    return Membership.objects.create(
        team=factories.TeamFactory(slug="consumers"), user=factories.UserFactory()
    )


def removes_member(by: Any) -> bool:
    accounts_actions.remove_member(membership=a_member(), by=by)
    return True


def deletes_user(by: Any) -> bool:
    accounts_actions.delete_user(user=factories.UserFactory(), by=by)
    return True


def grants_namespace(by: Any) -> Any:
    return accounts_actions.grant_namespace(
        cluster="test", namespace="x", team=factories.TeamFactory(), auto_publish=False, by=by
    )


def revokes_namespace(by: Any) -> bool:
    grant = NamespaceGrant.objects.create(cluster="test", namespace="x", team=factories.TeamFactory())
    accounts_actions.revoke_namespace(grant=grant, by=by)
    return True


ACCOUNTS = [
    Row(
        "see a team",
        lambda by: sees(Team.objects.visible_to(by).filter(pk=factories.TeamFactory(slug="consumers").pk)),
        CONSUMERS | ADMIN,
    ),
    Row("found a team", lambda by: accounts_actions.create_team(name="A", by=by), SIGNED_IN),
    Row("add a member", adds_member, CONSUMER_OWNER | ADMIN),
    Row(
        "change a role",
        lambda by: accounts_actions.change_role(membership=a_member(), role="owner", by=by),
        CONSUMER_OWNER | ADMIN,
    ),
    Row("remove a member", removes_member, CONSUMER_OWNER | ADMIN),
    Row(
        "rename somebody",
        lambda by: accounts_actions.rename_user(user=factories.UserFactory(), name="B", by=by),
        ADMIN,
    ),
    Row("delete somebody", deletes_user, ADMIN),
    Row("grant a namespace", grants_namespace, ADMIN),
    Row("take a namespace back", revokes_namespace, ADMIN),
]


# ---- gateway ------------------------------------------------------------------------------------------------------
def sees_receipt(of: Callable[[], Any]) -> Callable[[Any], bool]:
    def look(by: Any) -> bool:
        receipt = gateway_actions.open_receipt(subject=of(), event="approved", by=None)
        return sees(Receipt.objects.visible_to(by).filter(pk=receipt.pk))

    return look


def sees_calls(of: Callable[[Any], str]) -> Callable[[Any], bool]:
    """By the name that a usage page's address has for them."""

    def look(by: Any) -> bool:
        subscription = a_subscription()
        try:
            scope_of(by, of(subscription))
        except NotFound:
            return False
        return True

    return look


def sees_failed_call(by: Any) -> bool:
    subscription = a_subscription()
    series = CallSeries.objects.create(
        digest="1", environment="production", api=subscription.api, application=subscription.application
    )
    FailedCall.objects.create(series=series, at=timezone.now(), status=403, took_ms=1)
    return sees(FailedCall.objects.visible_to(by))


def tries(by: Any) -> Any:
    """With a token that is minted for it."""
    subscription = a_subscription()
    return mint_token(
        application=subscription.application,
        version=subscription.api.current_version,
        environment="sandbox",
        by=by,
    )


GATEWAY = [
    Row("mint a token to try an API", tries, CONSUMER_MAINTAINERS | ADMIN),
    Row(
        "see an application's calls",
        sees_calls(lambda subscription: subscription.application.public_id),
        CONSUMERS | ADMIN,
    ),
    Row(
        "see an API's calls", sees_calls(lambda subscription: subscription.api.slug), PUBLISHING_TEAM | ADMIN
    ),
    Row("see a failed call", sees_failed_call, CONSUMERS | PUBLISHING_TEAM | ADMIN),
    Row("see a subscription's receipt", sees_receipt(a_subscription), CONSUMERS | PUBLISHING_TEAM | ADMIN),
    Row("see a credential's receipt", sees_receipt(a_client), CONSUMERS | ADMIN),
    Row("see a version's receipt", sees_receipt(lambda: version("published")), PUBLISHING_TEAM | ADMIN),
]

# ---- people: each permission of roles.py, on a team of one's own --------------------------------------------------
_ON_CONSUMERS = {
    Permission.VIEW_TEAM: CONSUMERS,
    Permission.VIEW_APPLICATION: CONSUMERS,
    Permission.EDIT_APPLICATION: CONSUMER_MAINTAINERS,
    Permission.SUBSCRIBE: CONSUMER_MAINTAINERS,
    Permission.MANAGE_CREDENTIALS: CONSUMER_MAINTAINERS,
    Permission.DELETE_APPLICATION: frozenset({"consumer_owner"}),
    Permission.MANAGE_TEAM: frozenset({"consumer_owner"}),
}
_ON_PUBLISHERS = {
    Permission.VIEW_SOURCE: PUBLISHING_TEAM,
    Permission.VIEW_SYNC: PUBLISHING_TEAM,
    Permission.REVIEW: PUBLISHING_TEAM,
    Permission.PUBLISH: PUBLISHERS,
    Permission.WRITE_DOCS: PUBLISHERS,
    Permission.SUSPEND: PUBLISHERS,
}


def has(permission: Permission, team: str | None) -> Callable[[Any], bool]:
    def ask(by: Any) -> bool:
        check(by, permission, factories.TeamFactory(slug=team) if team else None)
        return True

    return ask


ROLES_ROWS = [
    *(Row(f"{p.name} on consumers", has(p, "consumers"), who | ADMIN) for p, who in _ON_CONSUMERS.items()),
    *(Row(f"{p.name} on publishers", has(p, "publishers"), who | ADMIN) for p, who in _ON_PUBLISHERS.items()),
    Row("create a team", has(Permission.CREATE_TEAM, None), SIGNED_IN),
    Row("administer the portal", has(Permission.MANAGE_PORTAL, None), ADMIN),
]

TABLE: list[Row] = [*ROLES_ROWS, *ACCOUNTS, *APIS, *SUBSCRIPTIONS, *KEYMANAGER, *GATEWAY]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.action)
@pytest.mark.parametrize(("person", "role"), [(role, role) for role in ROLES], indirect=["person"], ids=ROLES)
def test_permission(row, person, role):
    assert is_allowed(row, person) is (role in row.allowed)


def is_allowed(row: Row, person: Any) -> bool:
    try:
        return bool(row.do(person))
    except Forbidden as refused:
        if not refused.remedy:
            pytest.fail(f"a refusal says who may: {refused.message}")
        return False


def test_every_permission_is_in_the_table():
    named = {*_ON_CONSUMERS, *_ON_PUBLISHERS, Permission.CREATE_TEAM, Permission.MANAGE_PORTAL}
    assert named == set(Permission)
