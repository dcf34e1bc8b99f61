"""The public keys of an outside issuer: found by its discovery document, or given. All of it is hostile input."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apis.sync.fetch import Fetched, Terms, fetch_url
from keymanager.oauth.assertions import PRIVATE_MEMBERS, checked_key
from portal.errors import Invalid

KEYS_MAX = 50
# Of each of at most three calls.
_TERMS = Terms(seconds=5.0, max_bytes=256 * 1024, public=True)


def discovered(issuer: str) -> list[dict[str, str]]:
    """The usable keys of the set that the issuer's own metadata names.

    Raises Invalid where the issuer has to mend something, ClusterUnavailable where asking again later may help.
    """
    metadata = _metadata(issuer)
    if metadata.get("issuer") != issuer:
        raise Invalid(
            _("Its metadata says that it is another issuer, {get!r}.").format(
                get=str(metadata.get("issuer"))[:200]
            ),
            remedy=_("Give the issuer to the letter as its tokens do, a slash at its end included."),
        )
    address = metadata.get("jwks_uri")
    if not isinstance(address, str) or len(address) > 2000:
        raise Invalid(_("Its metadata names no jwks_uri."), remedy=_("Give its keys yourself."))
    return usable(_document(address))


def usable(document: object) -> list[dict[str, str]]:
    """The public keys of a JWK set that can check tokens here; the others are left out, as RFC 7517 section 5 has it.

    Raises Invalid where none is left, or one is private or symmetric.
    """
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list) or len(rows) > KEYS_MAX or not all(isinstance(row, dict) for row in rows):
        raise Invalid(
            _("This is no JWK set of at most {keys_max} keys.").format(keys_max=KEYS_MAX), field="keys"
        )
    if any(PRIVATE_MEMBERS & row.keys() for row in rows):
        raise Invalid(
            _("It holds a private or a symmetric key: whoever has read it can sign. It was not kept."),
            remedy=_("Its owner should make new keys, and publish their public halves only."),
            field="keys",
        )
    keys = [key for row in rows if (key := _usable(row))]
    if not keys:
        raise Invalid(
            _("None of its keys can check a token here."),
            remedy=_("It takes RSA of 2048 to 4096 bits for RS256, or EC on P-256 for ES256."),
            field="keys",
        )
    return keys


def _usable(row: Mapping[str, Any]) -> dict[str, str] | None:
    try:
        return checked_key(row)
    except Invalid:
        return None


def _metadata(issuer: str) -> Mapping[str, Any]:
    """OpenID Connect's place first, then that of RFC 8414, which puts the well-known part before the path."""
    try:
        return _document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    except Invalid as first:
        parts = urlsplit(issuer)
        path = parts.path.rstrip("/")
        try:
            return _document(f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}")
        except Invalid:
            raise first from None


def _document(url: str) -> dict[str, Any]:
    """The JSON object at a URL."""
    answer = fetch_url(url, _TERMS)
    try:
        found = json.loads(answer.text if isinstance(answer, Fetched) else "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid(
            _("{url}: this is no JSON object").format(url=url),
            remedy=_("See that the issuer's URL is right."),
        )
    return found
