"""How often a client may fail to prove itself at the end points, and who is told about it."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from oauth2_provider.models import AbstractApplication

from keymanager.models import Credential
from portal.accounts import limits
from portal.accounts.audit import record
from portal.accounts.limits import Limit

from .assertions import claimed_client

View = Callable[..., HttpResponse]
_WINDOW = 60


def limited(view: View) -> View:
    """For end points where clients prove themselves: each 401 counts, and one too many makes it a 429.

    A client that proves itself pays a look into a dictionary. What others try under its name from elsewhere never
    keeps it out: the limits are of the client at this address, and of the address.
    """

    @wraps(view)
    def with_limits(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if limits.any_over() and (wait := over(client_of(request), request.META)):
            return _too_many(wait)
        response = view(request, *args, **kwargs)
        return _failed(request, response) if response.status_code == 401 else response

    return with_limits


def over(client_id: str, environ: Mapping[str, Any]) -> int:
    """Seconds for which this process refuses the client at the address of this WSGI environment; 0 lets it try."""
    return limits.wait_for(_limits(client_id, limits.address_in(environ)))


@transaction.atomic
def tell_owner_of_shown_token(*, owner: str, client: Credential) -> None:
    """`client` has asked about a good token of another client's, `owner`: that one's team should know who holds it."""
    if limits.first_this_hour(f"token_shown_by_stranger {limits.word(owner)} {client.public_id}"):
        _record("token_shown_by_stranger", owner, shown_by=client.public_id)


def _failed(request: HttpRequest, refusal: HttpResponse) -> HttpResponse:
    client_id, address = client_of(request), limits.address_of(request)
    if _only_named_itself(request, client_id):
        return refusal
    counted = [limits.count(limit) for limit in _limits(client_id, address)]
    _tell(client_id, address, tries=counted[0].tries)
    wait = max(one.wait for one in counted)
    return _too_many(wait) if wait else refusal


def _limits(client_id: str, address: str) -> tuple[Limit, Limit]:
    return (
        Limit(f"client {limits.word(client_id)} {address}", settings.CLIENT_FAILURES, _WINDOW),
        Limit(f"client {address}", settings.ADDRESS_FAILURES, _WINDOW),
    )


@transaction.atomic
def _tell(client_id: str, address: str, *, tries: int) -> None:
    """For the trail of the client's team, once an hour each: that somebody tries, and that the limit is reached."""
    events = {1: "client_refused", settings.CLIENT_FAILURES: "client_limited"}
    event = events.get(tries)
    if event and limits.first_this_hour(f"{event} {limits.word(client_id)} {address}"):
        _record(event, client_id, address=address, tries=tries)


def _record(event: str, client_id: str, **data: Any) -> None:
    if "\0" in client_id:
        return
    credential = Credential.objects.select_related("application__team").filter(public_id=client_id).first()
    if credential is not None:
        record(event, credential, by=None, team=credential.application.team, **data)


def _only_named_itself(request: HttpRequest, client_id: str) -> bool:
    """A public client that tries the header first, without a secret, and the form then: golang.org/x/oauth2 by default.

    It guesses nothing. Counted, its device would be shut out before a minute of polling is over.
    """
    pair = _basic(request)
    if pair is None or pair[1] or "\0" in client_id:
        return False
    public = Credential.objects.usable().filter(
        public_id=client_id, oauth_application__client_type=AbstractApplication.CLIENT_PUBLIC
    )
    return public.exists()


def client_of(request: HttpRequest) -> str:
    """Whom the request says it is from, by the header or else by the body; unproven, and "" where it says nothing."""
    pair = _basic(request)
    if pair is None:
        return request.POST.get("client_id") or claimed_client(request.POST.get("client_assertion", ""))
    return pair[0]


def _basic(request: HttpRequest) -> tuple[str, str] | None:
    """Name and secret of the header, empty where they cannot be read; None without such a header."""
    scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(pair).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(name), secret


def _too_many(wait: int) -> HttpResponse:
    """RFC 6585 4 with a body as of RFC 6749 5.2."""
    body = {
        "error": "temporarily_unavailable",
        "error_description": f"Too many failed tries. Try again in {wait} seconds.",
    }
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache", "Retry-After": str(wait)}
    return HttpResponse(json.dumps(body), status=429, content_type="application/json", headers=headers)
