"""What the gateway must enforce, as plain frozen data that names no gateway product.

`gateway.compile` builds a Snapshot from the database; each module of `gateway.targets` renders one. Nothing here reads
a database, a file or a clock, so that the same Snapshot always renders to the same bytes.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit


class Reason(StrEnum):
    """Why the gateway refused: the `reason` field of its problem+json answers."""

    NOT_AUTHENTICATED = "not_authenticated"
    TOKEN_INVALID = "token_invalid"  # noqa: S105  the name of a refusal
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    WRONG_AUDIENCE = "wrong_audience"
    KEY_UNKNOWN = "key_unknown"
    KEY_EXPIRED = "key_expired"
    KEY_NOT_FOR_API = "key_not_for_api"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    CLIENT_UNKNOWN = "client_unknown"
    NOT_SUBSCRIBED = "not_subscribed"
    SUSPENDED = "suspended"
    SCOPE_MISSING = "scope_missing"
    BLOCKED_API = "blocked_api"
    PLAN_RATE = "plan_rate"
    QUOTA_EXCEEDED = "quota_exceeded"
    UNKNOWN_PATH = "unknown_path"


# The API's slug and the version's name: the same version in every environment.
VersionKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Header mediation: `set` replaces, `add` appends, `remove` drops. Names are lower case."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


@dataclass(frozen=True, slots=True)
class Cors:
    """Which browsers' origins may call ("*" for any) and what they may send and read."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age_s: int = 600


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What the gateway asks the backend again and again, to leave out addresses that do not answer 200."""

    path: str
    interval_s: int = 10


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: an upper-case method and a path template below the version's base path.

    A token needs all of `scopes`, as OpenAPI's security requirements say; API keys carry none and are not asked for any.
    """

    method: str
    path: str
    scopes: tuple[str, ...] = ()
    public: bool = False

    @property
    def operation(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an API as served in one environment. Without `routes` every path below `base_path` is served."""

    api: str
    version: str
    base_path: str
    upstream: str
    kind: str = "rest"
    routes: tuple[Route, ...] = ()
    tokens: bool = True
    keys: bool = True
    public: bool = False
    blocked: bool = False
    timeout_s: float = 30.0
    health_check: HealthCheck | None = None
    request_headers: HeaderChanges = field(default_factory=HeaderChanges)
    response_headers: HeaderChanges = field(default_factory=HeaderChanges)
    cors: Cors | None = None
    deprecated_at: dt.datetime | None = None
    sunset_at: dt.datetime | None = None
    link: str = ""

    @property
    def name(self) -> str:
        return f"{self.api} {self.version}"

    @property
    def key(self) -> VersionKey:
        return self.api, self.version


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """A plan's rate: `requests` per `period_s` seconds, refilled evenly, with at most `burst` at once."""

    slug: str
    requests: int
    period_s: int
    burst: int


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What an API key is good for: the slugs of APIs, and networks in CIDR notation. None of them means all of them."""

    apis: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """Whose API key or outside client it is: the credential is what gets revoked, the application is what subscriptions belong to."""

    credential: str
    application: str
    limits: KeyLimits | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose access tokens count: the `iss` claim and the public keys as JWKS text."""

    url: str
    jwks: str


@dataclass(frozen=True, slots=True)
class OutsideIssuer:
    """An issuer of somebody else's whose tokens count too, where they are for one of `audiences`.

    Of what they say only the claim `client_claim` names the caller, and only if `clients` maps its value to an identity:
    nothing in them is taken for a claim of ours.
    """

    url: str
    jwks: str
    audiences: tuple[str, ...]
    client_claim: str
    clients: Mapping[str, KeyIdentity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """What differs between environments. `keys` maps the SHA-256 (hex) of an API key to its identity.

    `expired_keys` are hashes too, of keys that are refused with that word.
    """

    audience: str
    versions: tuple[Version, ...] = ()
    keys: Mapping[str, KeyIdentity] = field(default_factory=dict)
    expired_keys: frozenset[str] = frozenset()
    outside: tuple[OutsideIssuer, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """What is refused whatever else is true of it, as a Snapshot has it."""

    revoked_credentials: frozenset[str]
    revoked_tokens: frozenset[str]
    tokens_not_before: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the gateway enforces.

    `subscriptions` maps `subscription_key(application, api)` to the plan's slug; `refusals` maps the same key to the
    reason why an existing subscription is refused, and `refused_until` to when that ends by itself.
    `revoked_credentials` and `revoked_tokens` (the `jti` claim) are refused whatever else is true of them, and so are
    tokens of an application whose `iat` claim is less than what `tokens_not_before` says, in seconds since 1970.
    """

    issuer: Issuer
    environments: Mapping[str, EnvironmentState]
    plans: tuple[PlanLimits, ...] = ()
    subscriptions: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[str, Reason] = field(default_factory=dict)
    refused_until: Mapping[str, dt.datetime] = field(default_factory=dict)
    revoked_credentials: frozenset[str] = frozenset()
    revoked_tokens: frozenset[str] = frozenset()
    tokens_not_before: Mapping[str, int] = field(default_factory=dict)

    @property
    def denied(self) -> Denied:
        return Denied(self.revoked_credentials, self.revoked_tokens, self.tokens_not_before)


def differing(one: Snapshot, other: Snapshot) -> set[str]:
    """The lookup keys of subscriptions of which the two do not say the same."""
    found: set[str] = set()
    pairs: tuple[tuple[Mapping[str, str], Mapping[str, str]], ...] = (
        (one.subscriptions, other.subscriptions),
        (one.refusals, other.refusals),
    )
    for before, after in pairs:
        if before is not after:
            found |= {key for key, value in after.items() if before.get(key) != value}
            found |= before.keys() - after.keys()
    return found


def subscription_key(application: str, api: str) -> str:
    """The gateway's lookup key. Neither part may hold a colon, which `check_version` and the id format see to."""
    return f"{application}:{api}"


def application_of(key: str) -> str:
    """Whose subscription a lookup key names."""
    return key.partition(":")[0]


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"})
MAX_ROUTES = 5000
MAX_PATH = 1000
MAX_VARIABLES = 30
MAX_HEADERS = 50
MAX_SIZE = 16_000_000
# About what the gateway needs for an operation besides its own texts, in bytes.
_ROUTE_SIZE = 1500
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_NETLOC = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_HEALTH_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_HEADER_NAME = re.compile(r"[a-z0-9!#$&'*+.^`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]{0,4000}")
_KEPT_HEADERS = ("x-portal-", "x-portico-", ":", "x-envoy-")
_KEPT_EXACT = frozenset(
    {"host", "authorization", "x-api-key", "content-length", "transfer-encoding", "connection"}
)


def check_version(version: Version) -> list[str]:
    """Say what makes this version impossible to serve; an empty list when nothing does.

    Definitions and upstreams come from the cluster and are hostile until checked here: one bad version is held back
    alone, never written where it would make the gateway refuse everybody's configuration.
    """
    return [
        *_check_names(version),
        *_check_upstream(version.upstream),
        *_check_health(version.health_check),
        *_check_routes(version.routes),
        *_check_headers(version.request_headers, "request"),
        *_check_headers(version.response_headers, "response"),
        *_check_cors(version.cors),
        *_check_size(version),
    ]


def _check_names(version: Version) -> list[str]:
    problems = []
    if not _SLUG.fullmatch(version.api):
        problems.append(f"The API's slug {version.api[:80]!r} may hold only letters, digits, - and _.")
    if not _BASE_PATH.fullmatch(version.base_path) or len(version.base_path) > MAX_PATH:
        problems.append(f"The base path {version.base_path[:80]!r} must look like /name/v1.")
    elif any(part in (".", "..") for part in version.base_path.split("/")):
        problems.append(f"The base path {version.base_path[:80]!r} may not hold dot segments.")
    if len(version.version) > 100 or not version.version.isprintable():
        problems.append(f"The version's name {version.version[:80]!r} is too long or cannot be printed.")
    if version.timeout_s and not 0.001 <= version.timeout_s <= 3600:
        problems.append(f"The upstream timeout {version.timeout_s} must be between 0.001 and 3600 seconds.")
    return problems


def _check_upstream(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return [f"The upstream {url[:200]!r} is not a URL: {error}."]
    if not url.isascii() or not url.isprintable() or " " in url:
        return [f"The upstream {url[:200]!r} holds characters that a URL may not have."]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [f"The upstream {url[:200]!r} must be http(s)://host[:port][/path]."]
    if port == 0 or parts.username is not None or parts.query or parts.fragment:
        return [f"The upstream {url[:200]!r} may hold no credentials, query or fragment."]
    problems = []
    if not re.fullmatch(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", parts.path) or len(url) > MAX_PATH:
        problems.append(f"The upstream {url[:200]!r} holds characters that a path may not have.")
    if any(part in (".", "..") for part in parts.path.split("/")):
        problems.append(f"The upstream {url[:200]!r} may not hold dot segments, nor may its rewriting.")
    if not _NETLOC.fullmatch(parts.netloc) or not _is_host(parts.hostname):
        problems.append(
            f"The upstream's host {parts.hostname[:200]!r} is no name that DNS can have, and no IP address."
        )
    return problems


def _check_health(check: HealthCheck | None) -> list[str]:
    if check is None:
        return []
    if not _HEALTH_PATH.fullmatch(check.path) or len(check.path) > MAX_PATH:
        return [f"The health check's path {check.path[:80]!r} holds characters that a path may not have."]
    if not 5 <= check.interval_s <= 600:
        return [f"The health check's interval {check.interval_s} must be between 5 and 600 seconds."]
    return []


def _is_host(host: str) -> bool:
    """Tell what can be looked up or is an address from what only looks like it, as 300.1.1.1 and a..b."""
    if ":" in host or host.rpartition(".")[2].isdigit():
        try:
            ip_address(host)
        except ValueError:
            return False
        return True
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _check_routes(routes: tuple[Route, ...]) -> list[str]:
    if len(routes) > MAX_ROUTES:
        return [f"The definition has {len(routes)} operations; at most {MAX_ROUTES} can be enforced."]
    problems = []
    for route in routes:
        if route.method not in METHODS:
            problems.append(f"The method {route.method[:20]!r} is unknown.")
        if not route.path.startswith("/") or len(route.path) > MAX_PATH or not route.path.isprintable():
            problems.append(
                f"The path {route.path[:80]!r} must start with / and be at most {MAX_PATH} characters."
            )
        if route.path.count("{") > MAX_VARIABLES:
            problems.append(f"The path {route.path[:80]!r} has more than {MAX_VARIABLES} variables.")
        if any(not scope or len(scope) > 200 or not scope.isprintable() for scope in route.scopes):
            problems.append(f"A scope of {route.operation[:80]} is empty or too long.")
    return problems[:10]


def _check_headers(changes: HeaderChanges, which: str) -> list[str]:
    names = [name for name, _ in (*changes.set, *changes.add)] + list(changes.remove)
    bad = [
        n for n in names if not _HEADER_NAME.fullmatch(n) or n.startswith(_KEPT_HEADERS) or n in _KEPT_EXACT
    ]
    problems = [f"The {which} header {name[:80]!r} may not be changed." for name in bad[:10]]
    if len(names) > MAX_HEADERS:
        problems.append(f"{len(names)} {which} headers are changed; at most {MAX_HEADERS} can be.")
    if any(not _HEADER_VALUE.fullmatch(value) for _, value in (*changes.set, *changes.add)):
        problems.append(f"A {which} header's value holds control characters or is over 4000 characters.")
    return problems


def _check_cors(cors: Cors | None) -> list[str]:
    if cors is None:
        return []
    values = (*cors.origins, *cors.methods, *cors.headers, *cors.expose)
    if len(values) > 200 or any(
        not v or len(v) > 300 or not re.fullmatch(r"[\x21-\x7e]+", v) for v in values
    ):
        return ["The CORS settings hold an empty or impossible value."]
    if cors.credentials and "*" in cors.origins:
        return ["CORS with credentials needs named origins, not *."]
    return []


def _check_size(version: Version) -> list[str]:
    """What holds for the whole version is repeated for each operation, so both together must stay small."""
    cors = version.cors or Cors(())
    changes = (version.request_headers, version.response_headers)
    headers = [text for change in changes for pair in (*change.set, *change.add) for text in pair]
    shared = (*headers, *cors.origins, *cors.methods, *cors.headers, *cors.expose, version.upstream)
    each = _ROUTE_SIZE + sum(map(len, shared))
    # A scope is looked for in three claims, a path in groups of operations too.
    own = sum(4 * len(route.path) + 3 * sum(200 + len(s) for s in route.scopes) for route in version.routes)
    size = each * len(version.routes) + own
    if size <= MAX_SIZE:
        return []
    words = f"Its {len(version.routes)} operations, each with its scopes and the version's headers and CORS settings"
    return [f"{words}, come to {size / 1e6:.0f} MB; at most {MAX_SIZE / 1e6:.0f} MB can be enforced."]
