"""Calls that a fresh credential opens, ready to be pasted: into a shell, or into a program."""

import re
from dataclasses import dataclass
from itertools import islice

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from apis.first_call import PLACEHOLDER, easiest
from apis.models import ApiType, ApiVersion
from apis.reference import snippets
from apis.reference.calls import Call as Request
from subscriptions.models import Application, Subscription

from .models import Credential

_SHOWN = 3
_OPERATIONS_READ = 200
_OTHERS = ("python", "javascript", "go")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one version, the secret in it; `others` are the same in other languages, by their names."""

    version: ApiVersion
    text: str
    others: dict[str, str]


def token_calls(*, token: str, application: Application, environment: str, scopes: list[str]) -> list[Call]:
    """The easiest call of each of the first few REST APIs that the token opens."""
    versions = _versions(application, environment).filter(security__oauth2=True)
    return _calls(versions, environment, ("Authorization", f"Bearer {token}"), set(scopes))


def key_calls(*, key: str, credential: Credential) -> list[Call]:
    """The same for an API key, which needs no scopes but may be for some APIs only."""
    versions = _versions(credential.application, credential.environment).filter(security__api_key=True)
    if allowed := list(credential.allowed_apis.all()):
        versions = versions.filter(api__in=allowed)
    return _calls(versions, credential.environment, ("x-api-key", key), None)


def token_request(*, client_id: str, secret: str) -> str:
    """How a client gets a token."""
    return (
        f"curl -s -u '{client_id}:{secret}' \\\n"
        f"  -d grant_type=client_credentials \\\n  {settings.PORTAL_URL}{reverse('keymanager:token')}"
    )


def _versions(application: Application, environment: str) -> QuerySet[ApiVersion]:
    return ApiVersion.objects.served().filter(
        api__subscriptions__application=application,
        api__subscriptions__status__in=Subscription.ENFORCED,
        api__type=ApiType.REST,
        upstreams__has_key=environment,
    )


def _calls(
    versions: QuerySet[ApiVersion], environment: str, header: tuple[str, str], scopes: set[str] | None
) -> list[Call]:
    newest: dict[int, ApiVersion] = {}
    for version in versions.select_related("api").order_by("api__name", "-discovered_at"):
        newest.setdefault(version.api_id, version)
    found = (_call(version, environment, header, scopes) for version in newest.values())
    return list(islice((call for call in found if call), _SHOWN))


def _call(
    version: ApiVersion, environment: str, header: tuple[str, str], scopes: set[str] | None
) -> Call | None:
    operations = version.operations.all()[:_OPERATIONS_READ]
    operation = easiest([one for one in operations if scopes is None or set(one.scopes) <= scopes])
    if operation is None or not re.fullmatch("[A-Z]+", operation.method):
        return None
    url = version.base_urls[environment] + PLACEHOLDER.sub("1", operation.path)
    request = Request(operation.method, url, (header,))
    others = {snippets.WRITERS[name][0]: snippets.snippet(request, name) for name in _OTHERS}
    return Call(version, snippets.snippet(request, "curl"), others)
