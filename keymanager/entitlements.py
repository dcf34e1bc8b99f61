"""What an application's tokens may carry: the APIs it is actively subscribed to, and their scopes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from django.db import connection
from django.utils import timezone

from apis.models import ApiVersion
from subscriptions.models import Application, Subscription

# An access token travels with every call: what does not fit is left out, and `subs_total` says how many there are.
SUBS_MAX = 50

# Every token asks this. As one statement by hand it costs a third of what the ORM's two cost.
_ENTITLEMENTS = """
    SELECT api.slug, plan.slug, ARRAY(
        SELECT DISTINCT unnest(operation.scopes)
        FROM apis_operation operation JOIN apis_apiversion version ON version.id = operation.version_id
        WHERE version.api_id = api.id AND version.status = ANY(%(served)s) AND version.withdrawn_at IS NULL
            AND jsonb_exists(version.upstreams, %(environment)s)
    ), ARRAY(
        SELECT version.base_path FROM apis_apiversion version
        WHERE version.api_id = api.id AND version.status = ANY(%(served)s) AND version.withdrawn_at IS NULL
            AND jsonb_exists(version.upstreams, %(environment)s)
    ), subscription.expires_at
    FROM subscriptions_subscription subscription
        JOIN apis_api api ON api.id = subscription.api_id
        JOIN apis_plan plan ON plan.id = subscription.plan_id
    WHERE subscription.application_id = %(application)s AND subscription.status = ANY(%(enforced)s)
        AND (subscription.expires_at IS NULL OR subscription.expires_at > %(now)s)
    ORDER BY api.slug
"""


@dataclass(frozen=True, slots=True)
class Entitlements:
    """`subs` maps an API's slug to the plan's; `scopes` are in the order of their names."""

    subs: dict[str, str]
    scopes: tuple[str, ...]
    # When the first of the subscriptions ends by the clock.
    changes_at: datetime | None = None
    # The base path of each version that the environment serves, with its API's slug; and the scopes of each API.
    bases: Mapping[str, str] = field(default_factory=dict)
    scopes_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # The resources of RFC 8707 that it was limited to, as the token's audience names them; () where it was not.
    resources: tuple[str, ...] = ()

    @property
    def subs_claims(self) -> dict[str, object]:
        """What the token says of them. `subs_only` holds the gateway to them, as against what is subscribed to later."""
        if self.resources:
            return {"subs": self.subs, "subs_only": True}
        if len(self.subs) <= SUBS_MAX:
            return {"subs": self.subs}
        return {"subs": dict(list(self.subs.items())[:SUBS_MAX]), "subs_total": len(self.subs)}

    def limited_to(self, slugs: Iterable[str], resources: tuple[str, ...]) -> Self:
        """The part of it that is about these APIs."""
        chosen = sorted(self.subs.keys() & set(slugs))
        return replace(
            self,
            subs={api: self.subs[api] for api in chosen},
            scopes=tuple(sorted({scope for api in chosen for scope in self.scopes_of.get(api, ())})),
            resources=resources,
        )


def entitlements_of(application: Application, environment: str) -> Entitlements:
    """What the application may do in the environment now. One query."""
    parameters: dict[str, Any] = {
        "application": application.pk,
        "environment": environment,
        "enforced": list(Subscription.ENFORCED),
        "served": list(ApiVersion.SERVED),
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENTITLEMENTS, parameters)
        rows = cursor.fetchall()
    scopes_of = {api: tuple(opened) for api, _, opened, _, _ in rows}
    return Entitlements(
        subs={api: plan for api, plan, *_ in rows},
        scopes=tuple(sorted({scope for opened in scopes_of.values() for scope in opened})),
        changes_at=min((ends for *_, ends in rows if ends is not None), default=None),
        bases={base: api for api, _, _, bases, _ in rows for base in bases},
        scopes_of=scopes_of,
    )
