"""Who may call, from the database: subscriptions, credentials and revocations, whole or of a few applications.

An application is the unit that is read anew: a subscription and a key belong to one, and it has few of either.
"""

import datetime as dt
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet
from django.utils import timezone

from apis.models import Environment
from keymanager.models import Credential, CredentialKind, RevokedToken, TokenCutoff
from subscriptions.models import Subscription, SubscriptionStatus

from . import outside
from .snapshot import (
    Denied,
    KeyIdentity,
    KeyLimits,
    OutsideIssuer,
    Reason,
    application_of,
    subscription_key,
)
from .usage.quotas import Exhausted, Quota

# The portal's clock, the agent's and Envoy's may differ by as much, or be set by as much, and no revoked token comes to life.
_CLOCKS = dt.timedelta(hours=1)
# For how long a key's caller hears that it expired.
EXPIRED_TOLD = dt.timedelta(days=30)
# How far ahead `denied` looks.
AHEAD = dt.timedelta(hours=1)
_Value = TypeVar("_Value")


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

    def alike(self, former: "Access") -> "Access":
        """The same, made of the former's objects where they are equal: what follows from them need not be made anew."""
        keys = {
            name: former.keys[name] if found == former.keys[name] else found
            for name, found in self.keys.items()
        }
        outside = {
            name: former.outside[name] if found == former.outside[name] else found
            for name, found in self.outside.items()
        }
        return replace(self, keys=keys, outside=outside)


def access(now: dt.datetime | None = None) -> Access:
    """Read every subscription in force, every usable key and outside client, and what is revoked while a token of it may live."""
    now = now or timezone.now()
    allowed, refusals, until, ends = _subscriptions(now, Subscription.objects.all())
    keys, key_ends = _keys(now, Credential.objects.usable())
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


def refreshed(old: Access, applications: Collection[str]) -> Access:
    """`old`, but all that belongs to these applications (public ids) as it is now, and so the list of the revoked.

    Clients of outside issuers stay as they are. Keys are the same object where they are the same keys.
    """
    now = timezone.now()
    theirs = Q(application__public_id__in=applications)
    allowed, refusals, until, ends = _subscriptions(now, Subscription.objects.filter(theirs))
    keys, key_ends = _keys(now, Credential.objects.usable().filter(theirs))
    return replace(
        old,
        keys={name: _keys_with(held, keys[name], applications) for name, held in old.keys.items()},
        expired_keys=_expired_keys(now),
        subscriptions=_with(old.subscriptions, allowed, applications),
        refusals=_with(old.refusals, refusals, applications),
        refused_until=_with(old.refused_until, until, applications),
        revoked_credentials=_revoked_credentials(now),
        revoked_tokens=_revoked_tokens(now),
        tokens_not_before=_tokens_not_before(now),
        changes_at=min([*ends, *until.values(), *key_ends, *filter(None, [old.changes_at])], default=None),
    )


def _with(
    held: Mapping[str, _Value], new: Mapping[str, _Value], applications: Collection[str]
) -> dict[str, _Value]:
    others = {key: value for key, value in held.items() if application_of(key) not in applications}
    return others | dict(new)


def _keys_with(
    held: Mapping[str, KeyIdentity], new: Mapping[str, KeyIdentity], applications: Collection[str]
) -> Mapping[str, KeyIdentity]:
    own = {digest: who for digest, who in held.items() if who.application in applications}
    if own == new:
        return held
    return {digest: who for digest, who in held.items() if digest not in own} | dict(new)


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
    now: dt.datetime, among: QuerySet[Subscription]
) -> tuple[dict[str, str], dict[str, Reason], dict[str, dt.datetime], list[dt.datetime]]:
    """Allowed and refused subscriptions by their key, when used-up quotas begin anew, and when a subscription ends."""
    rows = among.filter(
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


def _keys(
    now: dt.datetime, among: QuerySet[Credential]
) -> tuple[dict[str, dict[str, KeyIdentity]], list[dt.datetime]]:
    """Environment -> key hash -> whose it is, and the times at which a credential ends."""
    keys: dict[str, dict[str, KeyIdentity]] = {name: {} for name in Environment.values}
    ends = []
    limits = _key_limits(among)
    rows = among.order_by("pk")
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


def _key_limits(among: QuerySet[Credential]) -> dict[str, KeyLimits]:
    """Credential -> its limits, of those that have any: most have none, and cost nothing here."""
    allowed = Credential.allowed_apis.through.objects.all()
    apis = allowed.filter(credential=OuterRef("pk")).order_by("api__slug").values("api__slug")
    limited = ~Q(allowed_ranges=[]) | Q(pk__in=allowed.values("credential"))
    found = among.filter(limited).order_by()
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
