"""The lines of the getting-started panel: they work when they are pasted into a shell, or say what to put in."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self, TypeVar

from django.conf import settings
from django.urls import reverse

from portal.lazily import gettext_lazy as _

from .models import ApiType, ApiVersion, Document
from .reference import parts

OPERATIONS_READ = 200
CLIENT, SECRET, KEY = "CLIENT_ID", "CLIENT_SECRET", "API_KEY"
PLACEHOLDER = re.compile(r"\{[^}]*\}")
AUTH_LABELS = {"token": _("Access token"), "key": _("API key"), "none": _("No credential")}


class Stated(NamedTuple):
    """What is asked of an operation here: models of two hundred would take longer than the page around them."""

    method: str
    path: str
    scopes: list[str]
    deprecated: bool
    position: int


class Callable(Protocol):
    """An operation, or what is stated of one."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def scopes(self) -> list[str]: ...
    @property
    def deprecated(self) -> bool: ...
    @property
    def position(self) -> int: ...


Op = TypeVar("Op", bound=Callable)


@dataclass(frozen=True, slots=True)
class FirstCall:
    """One call as shell lines. `auth` is token, key or none; `fill_in` names what stands there for the person's own."""

    environment: str
    auth: str
    operation: Stated | None
    text: str
    fill_in: tuple[str, ...]

    def with_client(self, client_id: str) -> Self:
        """The same lines with the person's own client; its secret nobody but the person has."""
        if not client_id or CLIENT not in self.fill_in:
            return self
        return replace(self, text=self.text.replace(CLIENT, client_id), fill_in=(SECRET,))


def auth_choices(version: ApiVersion) -> dict[str, str]:
    """How a caller may prove who they are, the plainest first."""
    if version.security.get("public"):
        return {"none": AUTH_LABELS["none"]}
    offered = {"token": version.security.get("oauth2"), "key": version.security.get("api_key")}
    return {name: AUTH_LABELS[name] for name, is_offered in offered.items() if is_offered}


def first_call(
    version: ApiVersion, stated: Sequence[Stated] | None = None, *, environment: str = "", auth: str = ""
) -> FirstCall | None:
    """The easiest call of this version, or None where there is nothing that curl could call. `stated`: of `stated_of`."""
    urls, choices = version.base_urls, auth_choices(version)
    if not urls or not choices or version.api.type not in {ApiType.REST, ApiType.GRAPHQL, ApiType.SOAP}:
        return None
    environment = environment if environment in urls else next(iter(urls))
    auth = auth if auth in choices else next(iter(choices))
    operation = easiest(stated_of(version) if stated is None else stated)
    lines = [*_proof(auth, operation), _call(version, urls[environment], operation, auth)]
    fill_in = {"token": (CLIENT, SECRET), "key": (KEY,), "none": ()}[auth]
    return FirstCall(environment, auth, operation, "\n".join(lines), fill_in)


def page_of_first_call(version: ApiVersion) -> str:
    """The address at which somebody with access makes their first call: the easiest operation's page, at its panel."""
    operation = easiest(stated_of(version))
    document = Document.objects.defer("text").filter(pk=version.document_id or 0).first()
    if operation and document:
        parts.ensure(document)
        described = document.described_operations.only("slug")
        if found := described.filter(method=operation.method, path=operation.path).first():
            return reverse("apis:operation", args=[version.api.slug, version.version, found.slug]) + "#try"
    return reverse("apis:reference", args=[version.api.slug, version.version])


def stated_of(version: ApiVersion) -> list[Stated]:
    """The first operations of a version, in one query."""
    return [Stated(*row) for row in version.operations.values_list(*Stated._fields)[:OPERATIONS_READ]]


def easiest(operations: Sequence[Op]) -> Op | None:
    """One that reads, needs no path parameter and no scope, if there is one."""
    return min(
        operations,
        key=lambda op: (
            op.method not in {"GET", "QUERY"},
            op.deprecated,
            op.path.count("{"),
            bool(op.scopes),
            op.position,
        ),
        default=None,
    )


def _proof(auth: str, operation: Stated | None) -> list[str]:
    """The lines that put a credential into a variable, so that it stands in no address and no process list of `curl`."""
    if auth == "key":
        return [f"PORTICO_KEY={KEY}"]
    if auth == "none":
        return []
    scope = (
        [f"  -d scope={shlex.quote(' '.join(operation.scopes))} \\"] if operation and operation.scopes else []
    )
    return [
        f"TOKEN=$(curl -s -u '{CLIENT}:{SECRET}' \\",
        "  -d grant_type=client_credentials \\",
        *scope,
        f"  {settings.PORTAL_URL}/o/token/ |",
        '  sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')',
    ]


def _call(version: ApiVersion, base_url: str, operation: Stated | None, auth: str) -> str:
    parts = ["curl"]
    if version.api.type == ApiType.GRAPHQL:
        url = base_url
        parts += [
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps({'query': '{ __typename }'}))}",
        ]
    else:
        # A path parameter is filled with something; which ids exist only the API knows.
        url = base_url + PLACEHOLDER.sub("1", operation.path if operation else "/")
        if operation and operation.method != "GET":
            parts.append(f"-X {operation.method}")
    proof = {"token": '-H "Authorization: Bearer $TOKEN"', "key": '-H "X-API-Key: $PORTICO_KEY"'}.get(auth)
    parts += [proof] if proof else []
    return " \\\n  ".join([" ".join(["curl", shlex.quote(url)]), *parts[1:]])
