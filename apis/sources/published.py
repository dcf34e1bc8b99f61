"""What every kind of Kubernetes object is read into: one normalised form, whoever publishes.

The values are plain data (text, numbers, tuples, dicts of them), so that they can be compared and hashed. Words with a
fixed choice are lower case whatever the object's own spelling: `type` rest, graphql, asyncapi, grpc or soap; `visibility`
public, internal or team; `approval` manual or automatic; `quota_period` day, week or month.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TypeAlias

PRODUCTION = "production"
SANDBOX = "sandbox"
ENVIRONMENTS = (PRODUCTION, SANDBOX)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Which object of which cluster. `kind` is "group/version/Kind", "v1/ConfigMap" for the core group."""

    cluster: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A path of the backend that answers 200 while it is well, asked at this interval. Any path of the host, not below a URL's own."""

    path: str
    interval_seconds: int = 10


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the gateway sends requests. A Service is written `scheme://name.namespace.svc:port`.

    `backend` names the object that the address was taken from, "Integration shop/hello"; empty where it was stated.
    """

    url: str
    timeout_seconds: int = 30
    backend: str = ""
    health_check: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Headers that the gateway sets (replacing what is there) and removes."""

    set: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cors:
    """What the gateway tells browsers of other origins."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Mediation:
    """How the gateway changes requests and answers. `rewrite_prefix` replaces the base path towards the upstream.

    With `rewrite_prefix` None the base path is taken away, so `/orders/v1/items` reaches the upstream as `/items`.
    """

    request_headers: HeaderRules = field(default_factory=HeaderRules)
    response_headers: HeaderRules = field(default_factory=HeaderRules)
    rewrite_prefix: str | None = None
    cors: Cors | None = None


@dataclass(frozen=True, slots=True)
class OperationScopes:
    """The scopes one operation needs, in place of those its definition names. The path is as in the definition."""

    method: str
    path: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Security:
    """How callers may prove who they are; any one of what is true. `public` means that nobody has to."""

    oauth2: bool = True
    api_key: bool = True
    public: bool = False
    scopes: tuple[OperationScopes, ...] = ()


@dataclass(frozen=True)
class DefinitionText:
    """The definition as it was found, not yet parsed. `origin` says where, e.g. "ConfigMap shop/orders, key api.yaml"."""

    text: str
    origin: str

    @cached_property
    def sha256(self) -> str:
        """Of the text in UTF-8, in hexadecimal. Raises UnicodeEncodeError, a ValueError, where it holds what no text can."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class DefinitionAddress:
    """Where the definition is fetched from, http or https; a Service is written as in Upstream. `origin` as above."""

    url: str
    origin: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One observed condition of the object, as its own controllers report it."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """A docs page: Markdown under a title. `origin` says where its author changes it."""

    slug: str
    title: str
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class PublishedApi:
    """One version of one API. `key` names the API within its namespace; versions of one API share it.

    `plans` names plans: those of the API's own namespace first, then those without a namespace. `stated_only` are
    sentences about what the object asks for and Portico's gateway does not enforce. `successor` is a version.
    """

    ref: ObjectRef
    key: str
    version: str
    display_name: str
    base_path: str
    summary: str = ""
    description: str = ""
    type: str = "rest"
    owner_team: str = ""
    contact: str = ""
    tags: tuple[str, ...] = ()
    visibility: str = "internal"
    approval: str = "manual"
    deprecated: bool = False
    sunset: date | None = None
    successor: str = ""
    definition: DefinitionText | DefinitionAddress | None = None
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    security: Security = field(default_factory=Security)
    plans: tuple[str, ...] = ()
    mediation: Mediation = field(default_factory=Mediation)
    conditions: tuple[Condition, ...] = ()
    stated_only: tuple[str, ...] = ()
    docs: tuple[PublishedPage, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedPlan:
    """Named limits: `rate_requests` per `rate_seconds` with at most `burst` at once; None where there is no such limit.

    The quota's days, weeks and months begin at midnight in `time_zone`, an IANA name.
    """

    ref: ObjectRef
    name: str
    display_name: str
    description: str = ""
    rate_requests: int | None = None
    rate_seconds: int | None = None
    burst: int | None = None
    quota_requests: int | None = None
    quota_period: str = ""
    approval: str = "manual"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class PublishedBackend:
    """A workload that an Api may name as its upstream. `ready` None: the cluster does not say."""

    ref: ObjectRef
    name: str
    url: str = ""
    ready: bool | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class PublishedAccess:
    """Who the cluster itself lets call which API: shown beside Portico's own subscriptions, and enforced by the cluster.

    `api` is the API's name and `version` its version or pattern, as the object states them, `plan` and `status` as well.
    """

    ref: ObjectRef
    api: str
    version: str = ""
    application: str = ""
    owner: str = ""
    plan: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an object that its author has to mend. `field` is a path like spec.definition.configMapRef.name."""

    ref: ObjectRef
    field: str
    message: str
    remedy: str
    origin: str = ""


# Everything that an object may publish.
Published: TypeAlias = PublishedApi | PublishedPlan | PublishedBackend | PublishedAccess


@dataclass(frozen=True, slots=True)
class Reading:
    """What one object says. Nothing published and a problem means: keep the last good version. Both may be there."""

    published: tuple[Published, ...] = ()
    problems: tuple[Problem, ...] = ()
