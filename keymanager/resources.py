"""Resource indicators (RFC 8707): a token for some of the application's APIs, named by their base URLs at the gateway.

What is good for a token that leaks: it opens the APIs that it was asked for, whatever else the application is
subscribed to. The gateway holds it to that, by the audience; see docs/decisions/0012-tokens-for-some-apis.md.
"""

from collections.abc import Iterable, Sequence

from django.conf import settings

from .entitlements import Entitlements

RESOURCES_MAX = 20
# RFC 8707 section 2: the error for a resource that is unknown, malformed, or not this client's to ask for.
INVALID_TARGET = "invalid_target"


def narrowed(entitlements: Entitlements, environment: str, asked: Sequence[str]) -> Entitlements | None:
    """What is left of it for these resources; None where one is not open to the application: `invalid_target`.

    The gateway's own address is the resource of everything that it serves, as is asking for none.
    """
    resources = canonical(asked)
    if len(resources) > RESOURCES_MAX:
        return None
    gateway = settings.GATEWAY_URLS[environment]
    apis = {uri: _api(entitlements, gateway, uri) for uri in resources if uri != gateway}
    if None in apis.values():
        return None
    return _part(entitlements, gateway, resources)


def what_is_left(entitlements: Entitlements, environment: str, granted: Sequence[str]) -> Entitlements:
    """The same for resources that were granted before, of which some may have closed since."""
    return _part(entitlements, settings.GATEWAY_URLS[environment], tuple(granted))


def canonical(asked: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order asked, without the slash that some libraries put at the end."""
    return tuple(dict.fromkeys(uri.removesuffix("/") for uri in asked))


def _part(entitlements: Entitlements, gateway: str, resources: tuple[str, ...]) -> Entitlements:
    if not resources or gateway in resources:
        return entitlements
    apis = (_api(entitlements, gateway, uri) for uri in resources)
    return entitlements.limited_to((api for api in apis if api), resources)


def _api(entitlements: Entitlements, gateway: str, uri: str) -> str | None:
    if not uri.startswith(f"{gateway}/"):
        return None
    return entitlements.bases.get(uri.removeprefix(gateway))
