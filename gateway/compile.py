"""From the database to a Snapshot, in few queries whatever the number of rows.

The catalog (versions, operations, plans) changes seldom and is the larger part; access (subscriptions, credentials,
revocations) changes all day. The agent compiles them apart.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from apis.models import ApiType, ApiVersion, Environment, Operation, Plan, Publication
from keymanager import signing

from .access import AHEAD, Access, access, denied, deny_horizon, refreshed
from .snapshot import (
    Cors,
    EnvironmentState,
    HeaderChanges,
    HealthCheck,
    Issuer,
    PlanLimits,
    Route,
    Snapshot,
    Version,
    check_version,
)

__all__ = [
    "AHEAD",
    "Access",
    "Catalog",
    "access",
    "catalog",
    "denied",
    "deny_horizon",
    "refreshed",
    "snapshot",
]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What is offered: environment -> versions, the plans, and version row -> why it is held back."""

    versions: Mapping[str, tuple[Version, ...]]
    plans: tuple[PlanLimits, ...]
    problems: Mapping[int, str]


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
