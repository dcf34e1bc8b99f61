"""One factory per model; states as traits."""

import itertools
from typing import Any

from apis.models import Api, ApiVersion, Operation, Plan, PlanApproval, Publication, Visibility
from keymanager import actions
from keymanager.actions import Issued
from keymanager.models import Credential, TrustedIssuer
from keymanager.outside import actions as outside_actions
from portal.accounts.models import Membership, Team, TeamRole, User
from subscriptions.models import Application, Subscription, SubscriptionStatus

_numbers = itertools.count(1)
# The public key of RFC 7517 appendix A.1.
A_JWK_SET = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }
    ]
}


def person(name: str, *, team: str, role: str = TeamRole.MEMBER) -> User:
    """Somebody with a role in the team of that slug, which is made if need be."""
    user = UserFactory(name=name, email=f"{name.split(maxsplit=1)[0].lower()}@example.com")
    Membership.objects.create(team=TeamFactory(slug=team), user=user, role=role)
    return user


def UserFactory(**fields: Any) -> User:
    n = next(_numbers)
    fields = {"name": f"Person {n}", "email": f"person{n}@example.com", **fields}
    return User.objects.create_user(
        fields.pop("email"), fields.pop("password", "correct horse battery"), **fields
    )


def TeamFactory(**fields: Any) -> Team:
    slug = fields.pop("slug", None) or f"team-{next(_numbers)}"
    team, _ = Team.objects.get_or_create(
        slug=slug, defaults={"name": slug.replace("-", " ").capitalize(), **fields}
    )
    return team


def PlanFactory(**fields: Any) -> Plan:
    slug = fields.pop("slug", None) or f"plan-{next(_numbers)}"
    defaults = {
        "name": slug.capitalize(),
        "rate_requests": 60,
        "rate_seconds": 60,
        "burst": 10,
        "approval": PlanApproval.AUTOMATIC,
        "cluster": "test",
        "kind": "portico.dev/v1alpha1/Plan",
        "object_name": slug,
    }
    return Plan.objects.create(slug=slug, **{**defaults, **fields})


def ApiFactory(**fields: Any) -> Api:
    slug = fields.pop("slug", None) or f"api-{next(_numbers)}"
    defaults = {
        "name": slug.replace("-", " ").capitalize(),
        "cluster": "test",
        "namespace": "publishers",
        "key": slug,
        "visibility": Visibility.PUBLIC,
    }
    team = fields.pop("team", None) or TeamFactory(slug="publishers")
    return Api.objects.create(slug=slug, team=team, **{**defaults, **fields})


def ApiVersionFactory(
    *,
    api: Api | None = None,
    plans: list[Plan] | None = None,
    operations: list[tuple[str, str, list[str]]] | None = None,
    **fields: Any,
) -> ApiVersion:
    """A published version unless `status` says otherwise; `operations` are (method, path, scopes)."""
    api = api or ApiFactory()
    version = fields.pop("version", "1.0.0")
    defaults = {
        "status": Publication.PUBLISHED,
        "base_path": f"/{api.slug}/{version}",
        "upstreams": {
            env: {"url": "http://127.0.0.1:9", "timeout_seconds": 15} for env in ("production", "sandbox")
        },
        "security": {"oauth2": True, "api_key": True, "public": False},
        "cluster": "test",
        "kind": "portico.dev/v1alpha1/Api",
        "namespace": api.namespace,
        "object_name": f"{api.slug}-{version}",
        "uid": f"uid-{next(_numbers)}",
    }
    row = ApiVersion.objects.create(api=api, version=version, **{**defaults, **fields})
    row.plans.set(plans or [])
    Operation.objects.bulk_create(
        Operation(version=row, position=n, method=method, path=path, scopes=scopes)
        for n, (method, path, scopes) in enumerate(
            operations or [("GET", "/items", []), ("POST", "/items", ["items:write"])]
        )
    )
    api.current_version = row
    api.save(update_fields=["current_version"])
    return row


def ApplicationFactory(**fields: Any) -> Application:
    team = fields.pop("team", None) or TeamFactory(slug="consumers")
    return Application.objects.create(team=team, **{"name": f"Application {next(_numbers)}", **fields})


def SubscriptionFactory(**fields: Any) -> Subscription:
    application = fields.pop("application", None) or ApplicationFactory()
    api = fields.pop("api", None) or ApiVersionFactory().api
    plan = fields.pop("plan", None) or PlanFactory()
    return Subscription.objects.create(
        application=application, api=api, plan=plan, **{"status": SubscriptionStatus.ACTIVE, **fields}
    )


def ClientFactory(**fields: Any) -> Issued:
    """An OAuth client and its secret, as issued by a new member of the application's team."""
    return actions.issue_client(**_of_application(fields))


def KeyFactory(**fields: Any) -> Issued:
    """An API key and its text."""
    return actions.issue_key(**_of_application(fields))


def IssuerFactory(**fields: Any) -> TrustedIssuer:
    """An outside issuer with a key of RFC 7517 appendix A.1, whose private half nobody here has."""
    n = next(_numbers)
    defaults = {
        "name": f"Issuer {n}",
        "url": f"https://issuer{n}.example",
        "audiences": ["https://apis.example"],
        "environments": ["production", "sandbox"],
        "given_keys": A_JWK_SET,
        "by": fields.pop("by", None) or UserFactory(is_admin=True),
    }
    return outside_actions.trust(**{**defaults, **fields})


def ExternalClientFactory(**fields: Any) -> Credential:
    """A client of an outside issuer, added to an application."""
    fields = {"external_id": f"client-{next(_numbers)}", **_of_application(fields)}
    return outside_actions.add_client(issuer=fields.pop("issuer", None) or IssuerFactory(), **fields)


def _of_application(fields: dict[str, Any]) -> dict[str, Any]:
    application = fields.pop("application", None) or ApplicationFactory()
    by = fields.pop("by", None) or UserFactory(is_admin=True)
    return {
        "application": application,
        "environment": "production",
        "name": f"Credential {next(_numbers)}",
        "by": by,
        **fields,
    }
