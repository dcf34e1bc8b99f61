"""From the database to a Snapshot, in few queries whatever the number of rows.

The catalog (versions, operations, plans) changes seldom and is the larger part; access (subscriptions, credentials,
revocations) changes all day. The agent compiles them apart.
"""

import datetime as dt
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.utils import timezone

from apis.models import ApiType, ApiVersion, Environment, Operation, Plan, Publication
from keymanager import signing
from keymanager.models import Credential, CredentialKind, RevokedToken, TokenCutoff
from subscriptions.models import Subscription, SubscriptionStatus

from . import outside
from .snapshot import (
    Cors,
    Denied,
    EnvironmentState,
    HeaderChanges,
    HealthCheck,
    Issuer,
    KeyIdentity,
    KeyLimits,
    OutsideIssuer,
    PlanLimits,
    Reason,
    Route,
    Snapshot,
    Version,
    check_version,
    subscription_key,
)
from .usage.quotas import Exhausted, Quota

# The portal's clock, the agent's and Envoy's may differ by as much, or be set by as much, and no revoked token comes to life.
_CLOCKS = dt.timedelta(hours=1)
# For how long a key's caller hears that it expired.
EXPIRED_TOLD = dt.timedelta(days=30)
# How far ahead `denied` looks.
AHEAD = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Catalog:
    """What is offered: environment -> versions, the plans, and version row -> why it is held back."""

    versions: Mapping[str, tuple[Version, ...]]
    plans: tuple[PlanLimits, ...]
    problems: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call: the access fields of a Snapshot. `changes_at` is when the clock alone will change it next."""

    keys: Mapping[str, Mapping[str, KeyIdentity]]
    expired_keys: Mapping[str, frozenset[str]]
    outside: Mapping[str, tuple[OutsideIssuer, ...]]
    subscriptions: Mapping[str, str]
    refusals: Mapping[str, Reason]
    refused_until: Mapping[str, dt.datetime]
    revoked_credentials: frozenset[str]
    revoked_tokens: frozenset[str]
    tokens_not_before: Mapping[str, int]
    changes_at: dt.datetime | None


def snapshot(catalog: Catalog, access: Access) -> Snapshot:
    """Put both parts together with the issuer's public keys."""
    return Snapshot(
        issuer=Issuer(settings.ISSUER, json.dumps(signing.jwks(), sort_keys=True)),
        environments={
            name: EnvironmentState(
                audience=settings.GATEWAY_URLS[name],
                versions=catalog.versions[name],
                keys=access.keys[name],
                expired_keys=access.expired_keys[name],
                outside=access.outside[name],
            )
            for name in Environment.values
        },
        plans=catalog.plans,
        subscriptions=access.subscriptions,
        refusals=access.refusals,
        refused_until=access.refused_until,
        revoked_credentials=access.revoked_credentials,
        revoked_tokens=access.revoked_tokens,
        tokens_not_before=access.tokens_not_before,
    )


# ---- catalog ------------------------------------------------------------------------------------------------------
def catalog() -> Catalog:
    """Read every version that is served or blocked. A version that cannot be served is left out, with the reason."""
    rows = (
        ApiVersion.objects.filter(
            withdrawn_at__isnull=True,
            definition_pending=False,
            status__in=[*ApiVersion.SERVED, Publication.BLOCKED],
        )
        .select_related("api")
        .defer("conditions", "presentation", "stated_only", "api__description")
        .order_by("pk")
    )
    routes = _routes(rows.values("pk"))
    versions: dict[str, list[Version]] = {name: [] for name in Environment.values}
    problems = {}
    for row in rows.iterator(chunk_size=2000):
        try:
            served = version_states(row, routes.get(row.pk, ()))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problems[row.pk] = f"Its settings cannot be read: {error!r}"[:500]
            continue
        if found := [problem for version in served.values() for problem in check_version(version)]:
            problems[row.pk] = " ".join(dict.fromkeys(found))[:2000]
            continue
        for environment, version in served.items():
            versions[environment].append(version)
    return Catalog({name: tuple(found) for name, found in versions.items()}, _plans(), problems)


def _routes(version_ids: Any) -> dict[int, tuple[Route, ...]]:
    """Version row -> its routes. Only HTTP APIs have operations that the gateway can tell apart by path."""
    found: dict[int, list[Route]] = defaultdict(list)
    rows = Operation.objects.filter(version__in=version_ids, version__api__type=ApiType.REST).order_by()
    for version, method, path, scopes in rows.values_list(
        "version_id", "method", "path", "scopes"
    ).iterator():
        found[version].append(Route(method.upper(), path, tuple(scopes)))
    return {version: tuple(routes) for version, routes in found.items()}


def _plans() -> tuple[PlanLimits, ...]:
    """All of them: a withdrawn plan still limits those who have it."""
    rows = Plan.objects.values_list("slug", "rate_requests", "rate_seconds", "burst").order_by("slug")
    return tuple(PlanLimits(*row) for row in rows)


def version_states(row: ApiVersion, routes: Iterable[Route]) -> dict[str, Version]:
    """Environment -> the version as served there.

    Raises KeyError, TypeError, ValueError or AttributeError where its JSON columns are not of the agreed form.
    """
    mediation, security = row.mediation or {}, row.security
    return {
        environment: Version(
            api=row.api.slug,
            version=row.version,
            base_path=row.base_path,
            upstream=upstream_url(upstream["url"], mediation.get("rewrite_prefix")),
            kind=row.api.type,
            routes=tuple(routes),
            tokens=bool(security.get("oauth2")),
            keys=bool(security.get("api_key")),
            public=bool(security.get("public")),
            blocked=row.status == Publication.BLOCKED,
            timeout_s=float(upstream.get("timeout_seconds") or 30),
            health_check=_health_check(upstream.get("health_check")),
            request_headers=_headers(mediation.get("request_headers")),
            response_headers=_headers(mediation.get("response_headers")),
            cors=_cors(mediation.get("cors")),
            **_lifecycle(row),
        )
        for environment, upstream in row.upstreams.items()
        if environment in Environment.values
    }


def upstream_url(url: str, rewrite_prefix: str | None) -> str:
    """The address that takes the base path's place, with a Service's name exchanged where the settings give another.

    PORTICO_SERVICE_ADDRESSES maps `name.namespace` to host:port, for a gateway that runs outside the cluster.
    """
    parts = urlsplit(url)
    name, _, rest = (parts.hostname or "").partition(".svc")
    netloc = parts.netloc
    if rest in ("", ".cluster.local") and name in settings.SERVICE_ADDRESSES:
        netloc = settings.SERVICE_ADDRESSES[name]
    path = parts.path.rstrip("/") + "/" + (rewrite_prefix or "").strip("/")
    return urlunsplit((parts.scheme, netloc, path.rstrip("/"), parts.query, parts.fragment))


def _health_check(stated: Mapping[str, Any] | None) -> HealthCheck | None:
    return HealthCheck(stated["path"], int(stated["interval_seconds"])) if stated else None


def _headers(rules: Mapping[str, Any] | None) -> HeaderChanges:
    if not rules:
        return HeaderChanges()
    changes = tuple((name.lower(), value) for name, value in sorted((rules.get("set") or {}).items()))
    return HeaderChanges(set=changes, remove=tuple(name.lower() for name in rules.get("remove") or ()))


def _cors(rules: Mapping[str, Any] | None) -> Cors | None:
    if not rules or not rules.get("allow_origins"):
        return None
    max_age = rules.get("max_age_seconds")
    return Cors(
        origins=tuple(rules["allow_origins"]),
        methods=tuple(rules.get("allow_methods") or ()),
        headers=tuple(rules.get("allow_headers") or ()),
        expose=tuple(rules.get("expose_headers") or ()),
        credentials=bool(rules.get("allow_credentials")),
        max_age_s=600 if max_age is None else int(max_age),
    )


def _lifecycle(row: ApiVersion) -> dict[str, Any]:
    if row.status != Publication.DEPRECATED:
        return {}
    sunset = row.sunset_on and dt.datetime.combine(row.sunset_on, dt.time.min, dt.UTC)
    link = f"{settings.PORTAL_URL}{row.get_absolute_url()}"
    return {"deprecated_at": row.deprecated_at, "sunset_at": sunset, "link": link}


# ---- access -------------------------------------------------------------------------------------------------------
def access(now: dt.datetime | None = None) -> Access:
    """Read every subscription in force, every usable key and outside client, and what is revoked while a token of it may live."""
    now = now or timezone.now()
    allowed, refusals, until, ends = _subscriptions(now)
    keys, key_ends = _keys(now)
    return Access(
        keys=keys,
        expired_keys=_expired_keys(now),
        outside=outside.issuers(),
        subscriptions=allowed,
        refusals=refusals,
        refused_until=until,
        revoked_credentials=_revoked_credentials(now),
        revoked_tokens=_revoked_tokens(now),
        tokens_not_before=_tokens_not_before(now),
        changes_at=min([*ends, *until.values(), *key_ends], default=None),
    )


def denied(now: dt.datetime) -> tuple[Denied, dict[str, dt.datetime]]:
    """The deny list alone, in few small queries, and the credentials that end by the clock within AHEAD, with the time."""
    soon = (now, now + AHEAD)
    rows = Credential.objects.live().filter(Q(expires_at__range=soon) | Q(retires_at__range=soon))
    coming = {
        credential: min(at for at in ends if at and at >= now)
        for credential, *ends in rows.values_list("public_id", "expires_at", "retires_at")
    }
    return Denied(_revoked_credentials(now), _revoked_tokens(now), _tokens_not_before(now)), coming


def _subscriptions(
    now: dt.datetime,
) -> tuple[dict[str, str], dict[str, Reason], dict[str, dt.datetime], list[dt.datetime]]:
    """Allowed and refused subscriptions by their key, when used-up quotas begin anew, and when a subscription ends."""
    rows = Subscription.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        status__in=[*Subscription.ENFORCED, SubscriptionStatus.SUSPENDED],
        application__deleted_at__isnull=True,
    ).order_by("pk")
    allowed, refusals, until, ends = {}, {}, {}, []
    exhausted = Exhausted(now)
    names = ("application__public_id", "api__slug", "plan__slug", "status", "expires_at")
    quota = ("application_id", "api_id", "plan__quota_requests", "plan__quota_period", "plan__time_zone")
    for application, api, plan, status, expires, *of_quota in rows.values_list(*names, *quota).iterator(
        chunk_size=10000
    ):
        key = subscription_key(application, api)
        allowed[key] = plan
        if status == SubscriptionStatus.SUSPENDED:
            refusals[key] = Reason.SUSPENDED
        elif exhausted and (end := _quota_end(exhausted, *of_quota)):
            refusals[key], until[key] = Reason.QUOTA_EXCEEDED, end
        if expires:
            ends.append(expires)
    return allowed, refusals, until, ends


def _quota_end(
    exhausted: Exhausted, application: int, api: int, requests: int | None, period: str, zone: str
) -> dt.datetime | None:
    """When the period ends whose quota is used up; None where there is no quota, or some of it left."""
    return exhausted.until(application, api, Quota(requests, period, zone)) if requests else None


def _keys(now: dt.datetime) -> tuple[dict[str, dict[str, KeyIdentity]], list[dt.datetime]]:
    """Environment -> key hash -> whose it is, and the times at which a credential ends."""
    keys: dict[str, dict[str, KeyIdentity]] = {name: {} for name in Environment.values}
    ends = []
    limits = _key_limits()
    rows = Credential.objects.usable().order_by("pk")
    fields = (
        "environment",
        "kind",
        "key_hash",
        "public_id",
        "application__public_id",
        "expires_at",
        "retires_at",
    )
    for environment, kind, digest, credential, application, *times in rows.values_list(*fields).iterator(
        chunk_size=10000
    ):
        if kind == CredentialKind.API_KEY:
            keys[environment][digest] = KeyIdentity(credential, application, limits.get(credential))
        ends += [time for time in times if time and time > now]
    return keys, ends


def _expired_keys(now: dt.datetime) -> dict[str, frozenset[str]]:
    """Environment -> hashes of keys whose callers are to hear that they expired, and not that nobody knows them."""
    ended = (now - EXPIRED_TOLD, now)
    rows = Credential.objects.live().filter(
        kind=CredentialKind.API_KEY, expires_at__range=ended, application__deleted_at__isnull=True
    )
    found = list(rows.values_list("environment", "key_hash"))
    return {name: frozenset(sha for where, sha in found if where == name) for name in Environment.values}


def _key_limits() -> dict[str, KeyLimits]:
    """Credential -> its limits, of those that have any: most have none, and cost nothing here."""
    allowed = Credential.allowed_apis.through.objects.all()
    apis = allowed.filter(credential=OuterRef("pk")).order_by("api__slug").values("api__slug")
    limited = ~Q(allowed_ranges=[]) | Q(pk__in=allowed.values("credential"))
    found = Credential.objects.live().filter(limited).order_by()
    rows = found.values_list("public_id", ArraySubquery(apis), "allowed_ranges")
    return {
        credential: KeyLimits(tuple(slugs), tuple(sorted(ranges)))
        for credential, slugs, ranges in rows.iterator(chunk_size=10000)
    }


def _revoked_credentials(now: dt.datetime) -> frozenset[str]:
    """Ended so lately, whichever way, that a token of theirs may still be alive."""
    since = deny_horizon(now)
    ended = (
        Q(revoked_at__gt=since)
        | Q(status="retiring", retires_at__gt=since, retires_at__lte=now)
        | Q(expires_at__gt=since, expires_at__lte=now)
        | Q(application__deleted_at__gt=since)
    )
    return frozenset(Credential.objects.filter(ended).values_list("public_id", flat=True))


def _tokens_not_before(now: dt.datetime) -> dict[str, int]:
    """Application -> the first `iat` that counts again, while a token from before may live.

    How long those of outside issuers live is not ours to say, so for their clients it holds for good.
    """
    external = Credential.objects.live().filter(kind=CredentialKind.EXTERNAL_CLIENT)
    rows = TokenCutoff.objects.filter(
        Q(not_before__gt=deny_horizon(now)) | Q(application__in=external.values("application"))
    )
    return {
        application: math.ceil(moment.timestamp())
        for application, moment in rows.values_list("application__public_id", "not_before")
    }


def _revoked_tokens(now: dt.datetime) -> frozenset[str]:
    rows = RevokedToken.objects.filter(expires_at__gt=now - _CLOCKS)
    return frozenset(rows.values_list("jti", flat=True))


def deny_horizon(now: dt.datetime) -> dt.datetime:
    """Tokens signed before this time have ended by themselves, whoever's clock one goes by."""
    return now - dt.timedelta(seconds=settings.MAX_TOKEN_SECONDS) - _CLOCKS
