"""Real calls through the gateway's whole authorization chain, which end in an answer of the gateway itself.

A probe carries the secret that only the agent and Envoy know; the chain lets it through or refuses it exactly as it
would the real call, and what it lets through is answered 204 before a backend or a rate limit hears of it.
"""

import http.client
import json
import re
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from urllib.parse import quote

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apis.models import Api, ApiType, ApiVersion, Environment, Publication
from keymanager import signing
from keymanager.models import Credential, CredentialKind, RevokedToken, TokenCutoff, TrustedIssuer
from subscriptions.models import Application, Subscription, SubscriptionStatus

from .compile import deny_horizon
from .models import Receipt
from .snapshot import Reason
from .usage.quotas import standings

_TOKEN_SECONDS = 60
_TIMEOUT_S = 2.0
LET_THROUGH = 204
_EXAMPLES = ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1")


@dataclass(frozen=True, slots=True)
class Probe:
    """One call and the answer it must get. `who` says whose credential in words; `token` and `key_hash` are secrets.

    `address` is where a key that is limited to networks is used from: the probe says so, beside its secret.
    """

    environment: str
    method: str
    path: str
    who: str
    status: int
    reasons: tuple[str, ...] = ()
    token: str = ""
    key_hash: str = ""
    address: str = ""

    @property
    def expected(self) -> str:
        return " or ".join(f"{self.status} {reason}" for reason in self.reasons) or str(self.status)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered. `status` 0 means that it did not; `reason` then says why."""

    status: int
    reason: str
    request_id: str

    def fits(self, probe: Probe) -> bool:
        return self.status == probe.status and (not probe.reasons or self.reason in probe.reasons)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credential a probe brings. `issued` is the `iat` of its token, in seconds since 1970; 0 is now."""

    who: str
    application: str
    client_id: str = ""
    jti: str = ""
    issued: int = 0
    key_hash: str = ""
    address: str = ""
    # Of a client of an outside issuer: the issuer's URL and the client's id there.
    outside: tuple[str, str] | None = None


def send(probe: Probe, *, secret: str) -> Answer:
    """Make the call, on a connection of its own."""
    host, _, port = settings.GATEWAY_PROBE[probe.environment].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    headers = {"x-portico-probe": secret}
    if probe.token:
        headers["authorization"] = f"Bearer {probe.token}"
    if probe.key_hash:
        headers["x-portico-probe-keyhash"] = probe.key_hash
    if probe.address:
        headers["x-portico-probe-address"] = probe.address
    try:
        connection.request(probe.method, probe.path, headers=headers)
        response = connection.getresponse()
        body = response.read(65536)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, f"no answer: {error}", "")
    finally:
        connection.close()
    return Answer(response.status, _reason(body), response.headers.get("x-request-id", ""))


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, KeyError, TypeError):
        return ""


# ---- what a receipt's subject should be answered now ---------------------------------------------------------------
def probes_for(receipt: Receipt) -> list[Probe]:
    """The calls that prove the subject's present state; none where there is nothing to call.

    They follow from the database as it is now, not as it was when the receipt began.
    """
    if receipt.version:
        return _version_probes(receipt.version)
    if receipt.subscription:
        return _subscription_probes(receipt.subscription)
    return _credential_probes(receipt.credential, receipt.event) if receipt.credential else []


def _version_probes(version: ApiVersion) -> list[Probe]:
    """A stranger's call: refused for want of a subscription where the version is served, unknown where it is not."""
    if not _current(version) and ApiVersion.objects.served().filter(base_path=version.base_path).exists():
        return []  # another version has taken its address over
    stranger = Caller("an application without a subscription", "app_probe", client_id="cred_probe")
    return [
        _call(version, environment, stranger, *_stranger_gets(version))
        for environment in Environment.values
        if environment in version.upstreams
    ]


def _current(version: ApiVersion) -> bool:
    return (
        not version.withdrawn_at
        and not version.definition_pending
        and version.status in {*ApiVersion.SERVED, Publication.BLOCKED}
    )


def _stranger_gets(version: ApiVersion) -> tuple[int, tuple[str, ...]]:
    if not _current(version):
        return 404, (Reason.UNKNOWN_PATH,)
    if version.status == Publication.BLOCKED:
        return 403, (Reason.BLOCKED_API,)
    if version.security.get("public"):
        return LET_THROUGH, ()
    if not version.security.get("oauth2"):
        return 401, (Reason.NOT_AUTHENTICATED,)
    return 403, (Reason.NOT_SUBSCRIBED,)


def _subscription_probes(subscription: Subscription) -> list[Probe]:
    """The application's call in each environment where the API is served and it has means to call it."""
    probes = []
    for environment in Environment.values:
        version = _version_of(subscription.api, environment)
        caller = version and _caller_of(subscription.application, version, environment)
        if version and caller:
            probes.append(_call(version, environment, caller, *_subscriber_gets(version, subscription)))
    return probes


def _subscriber_gets(version: ApiVersion, subscription: Subscription | None) -> tuple[int, tuple[str, ...]]:
    if version.security.get("public"):
        return LET_THROUGH, ()
    if subscription is None or subscription.application.deleted_at:
        return 403, (Reason.NOT_SUBSCRIBED,)
    if subscription.expires_at and subscription.expires_at <= timezone.now():
        return 403, (Reason.NOT_SUBSCRIBED,)
    if subscription.status in Subscription.ENFORCED:
        used_up = any(standing.exhausted_at for standing in standings([subscription]))
        return (429, (Reason.QUOTA_EXCEEDED,)) if used_up else (LET_THROUGH, ())
    if subscription.status == SubscriptionStatus.SUSPENDED:
        return 403, (Reason.SUSPENDED,)
    return 403, (Reason.NOT_SUBSCRIBED,)


def _version_of(api: Api, environment: str) -> ApiVersion | None:
    """The API's current version where it is served there, else any other that is."""
    served = list(
        ApiVersion.objects.served().filter(api=api, upstreams__has_key=environment).select_related("api")
    )
    served.sort(key=lambda version: version.pk != api.current_version_id)
    return served[0] if served else None


def _caller_of(application: Application, version: ApiVersion, environment: str) -> Caller | None:
    """A token in the application's name; its own newest key where the version takes only keys."""
    if version.security.get("oauth2") or version.security.get("public"):
        return Caller(f"a token of {application}", application.public_id, client_id=application.public_id)
    keys = Credential.objects.usable().filter(
        Q(allowed_apis=None) | Q(allowed_apis=version.api),
        application=application,
        environment=environment,
        kind=CredentialKind.API_KEY,
    )
    key = keys.order_by("-pk").first()
    return _key_caller(key) if key else None


def _key_caller(key: Credential) -> Caller:
    """From the first address of the networks that it may be used from."""
    address = str(ip_network(key.allowed_ranges[0])[0]) if key.allowed_ranges else ""
    return Caller(f"the key {key.label}", key.application.public_id, key_hash=key.key_hash, address=address)


def _credential_probes(credential: Credential, event: str) -> list[Probe]:
    """One call with the credential, to an API that its application may call, else to any API of the environment.

    A key that is limited is tried outside of its limits too.
    """
    if credential.issuer is not None:
        return _external_probes(credential, credential.issuer, event)
    if credential.kind == CredentialKind.API_KEY:
        return _key_probes(credential)
    found = _target_of(credential, "oauth2")
    if found is None or (not credential.usable and _long_over(credential)):
        return []
    version, subscription = found
    caller = _token_caller(credential, event)
    if caller.jti or caller.issued or not credential.usable:
        return [_call(version, credential.environment, caller, 401, (Reason.TOKEN_REVOKED,))]
    return [_call(version, credential.environment, caller, *_subscriber_gets(version, subscription))]


def _token_caller(credential: Credential, event: str) -> Caller:
    """The client with a token as it would get it now, or where tokens were revoked with one of those."""
    jti = _revoked_jti(credential) if event == "token_revoked" else ""
    issued = _cut_off(credential) if event == "tokens_revoked" else 0
    which = "the revoked" if jti else "an older" if issued else "a"
    return Caller(
        f"{which} token of {credential.label}",
        credential.application.public_id,
        client_id=credential.public_id,
        jti=jti,
        issued=issued,
    )


def _key_probes(key: Credential) -> list[Probe]:
    caller = _key_caller(key)
    allowed = set(key.allowed_apis.values_list("pk", flat=True))
    probes = []
    if found := _target_of(key, "api_key", apis=allowed):
        version, subscription = found
        expected = _subscriber_gets(version, subscription)
        if not key.usable:
            expected = 401, (Reason.TOKEN_REVOKED, Reason.KEY_EXPIRED, Reason.KEY_UNKNOWN)
        probes.append(_call(version, key.environment, caller, *expected))
        stranger = _address_outside(key.allowed_ranges) if key.usable else ""
        if stranger:
            elsewhere = replace(caller, who=f"{caller.who} from {stranger}", address=stranger)
            probes.append(_call(version, key.environment, elsewhere, 403, (Reason.ADDRESS_NOT_ALLOWED,)))
    if allowed and key.usable and (other := _target_of(key, "api_key", but=allowed)):
        probes.append(_call(other[0], key.environment, caller, 403, (Reason.KEY_NOT_FOR_API,)))
    return probes


def _address_outside(ranges: Sequence[str]) -> str:
    """An address that is in none of these networks, of those set aside for examples (RFC 5737, RFC 3849).

    Empty where there are no networks, or every such address is in one.
    """
    networks = [ip_network(text) for text in ranges]
    for text in _EXAMPLES if networks else ():
        address = ip_address(text)
        if not any(address in network for network in networks):
            return text
    return ""


def _external_probes(credential: Credential, issuer: TrustedIssuer, event: str) -> list[Probe]:
    """A token of the issuer's own cannot be had here, so one of the portal's names its client.

    It passes the same map, and all that comes after: what it leaves unproven is the issuer's keys and audiences. See
    docs/decisions/0013-outside-issuers.md.
    """
    found = _target_of(credential, "oauth2")
    if found is None:
        return []
    version, subscription = found
    issued = _cut_off(credential) if event == "tokens_revoked" else 0
    caller = Caller(
        f"{'an older' if issued else 'a'} token of the portal that names the client {credential.external_id} of {issuer}",
        credential.application.public_id,
        issued=issued,
        outside=(issuer.url, credential.external_id),
    )
    if issued or not credential.usable or not credential.trusted:
        gets: tuple[int, tuple[str, ...]] = 401, (Reason.TOKEN_REVOKED, Reason.CLIENT_UNKNOWN)
    else:
        gets = _subscriber_gets(version, subscription)
    return [_call(version, credential.environment, caller, *gets)]


def _target_of(
    credential: Credential, kind: str, *, apis: Collection[int] = (), but: Collection[int] = ()
) -> tuple[ApiVersion, Subscription | None] | None:
    """A version that takes this kind of credential, and the application's subscription to it if there is one.

    Of the APIs of these primary keys (none: of any), or of any `but` these.
    """
    candidates = ApiVersion.objects.served().filter(
        **{f"security__{kind}": True, "upstreams__has_key": credential.environment}
    )
    candidates = (candidates.filter(api__in=apis) if apis else candidates).exclude(api__in=but)
    candidates = candidates.exclude(security__public=True).select_related("api")
    subscriptions = {
        subscription.api_id: subscription
        for subscription in Subscription.objects.filter(
            application=credential.application, status__in=Subscription.ENFORCED
        ).select_related("application")
    }
    version = (
        candidates.filter(api__in=subscriptions).order_by("pk").first() or candidates.order_by("pk").first()
    )
    return (version, subscriptions.get(version.api_id)) if version else None


def _long_over(credential: Credential) -> bool:
    """Whether every token of an ended client has ended too, so that the deny list no longer names it."""
    ends = [credential.revoked_at, credential.retires_at, credential.expires_at]
    now = timezone.now()
    return not any(end and deny_horizon(now) < end <= now for end in ends)


def _revoked_jti(credential: Credential) -> str:
    rows = RevokedToken.objects.filter(credential=credential, expires_at__gt=timezone.now())
    return rows.order_by("-revoked_at").values_list("jti", flat=True).first() or ""


def _cut_off(credential: Credential) -> int:
    """The last second of which no token of its application's counts; 0 where all those have ended by themselves."""
    cutoff = TokenCutoff.objects.filter(
        application=credential.application, not_before__gt=deny_horizon(timezone.now())
    ).first()
    return int(cutoff.not_before.timestamp()) - 1 if cutoff else 0


def _call(
    version: ApiVersion, environment: str, caller: Caller, status: int, reasons: tuple[str, ...]
) -> Probe:
    method, path, scopes = _operation(version)
    return Probe(
        environment=environment,
        method=method,
        path=version.base_path + path,
        who=caller.who,
        status=status,
        reasons=reasons,
        token="" if caller.key_hash else _token(caller, environment, scopes),
        key_hash=caller.key_hash,
        address=caller.address,
    )


def _operation(version: ApiVersion) -> tuple[str, str, list[str]]:
    """The plainest operation: GET before others, without scopes before with, few variables before many."""
    if version.api.type != ApiType.REST:
        return "GET", "/", []
    rows = list(version.operations.values_list("method", "path", "scopes")[:200])
    if not rows:
        return "GET", "/", []
    method, path, scopes = min(
        rows, key=lambda row: (row[0].upper() != "GET", bool(row[2]), row[1].count("{"), row[1])
    )
    return method.upper(), quote(re.sub(r"\{[^{}/]*\}", "probe", path), safe="/!$&'()*+,;=:@~%-._"), scopes


def _token(caller: Caller, environment: str, scopes: list[str]) -> str:
    """A short-lived token as the key manager would sign it, with the identity that is to be proved."""
    now = int(time.time())
    return signing.key_ring().sign(
        {
            "iss": settings.ISSUER,
            "aud": [settings.GATEWAY_URLS[environment]],
            **_identity(caller),
            "scope": " ".join(scopes),
            "jti": caller.jti or f"probe-{secrets.token_hex(8)}",
            "iat": caller.issued or now,
            "exp": now + _TOKEN_SECONDS,
        }
    )


def _identity(caller: Caller) -> dict[str, str]:
    """The claims that say who calls. Of an outside client the gateway's map says it."""
    if caller.outside:
        issuer, client = caller.outside
        return {"outside_issuer": issuer, "outside_client": client}
    return {"sub": caller.client_id, "client_id": caller.client_id, "app": caller.application}
