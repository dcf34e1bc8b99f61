"""`Idempotency-Key` on creation: a repeated request answers what the first one answered."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.errors import Conflict, Invalid

IDEMPOTENCY_SECONDS = 24 * 3600
View = Callable[..., Response]


def idempotent(method: View) -> View:
    """For creating methods of a view: the same `Idempotency-Key` by the same person answers the first answer again.

    Held for 24 hours. Another body under the same key is a conflict. The answer of a creation that shows a secret is
    not kept: repeating it answers 409, which says that the first one worked. Mark such views with `shows_secret`.
    """

    @wraps(method)
    def wrapper(self: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(self, request, *args, **kwargs)
        if len(key) > 255:
            raise Invalid("Idempotency-Key is longer than 255 characters.", remedy="Send a UUID.")
        print_of_body = hashlib.sha256(json.dumps(request.data, sort_keys=True).encode()).hexdigest()
        slot = hashlib.sha256(
            f"{request.user.pk}\0{request.method}\0{request.path}\0{key}".encode()
        ).hexdigest()
        mine = {"body": print_of_body, "status": None, "data": None}
        if not cache.add(f"idempotency:{slot}", mine, IDEMPOTENCY_SECONDS):
            return _answer_again(cache.get(f"idempotency:{slot}") or mine, print_of_body)
        try:
            response = method(self, request, *args, **kwargs)
        except BaseException:
            cache.delete(f"idempotency:{slot}")
            raise
        kept = None if getattr(self, "shows_secret", False) else response.data
        cache.set(
            f"idempotency:{slot}", {**mine, "status": response.status_code, "data": kept}, IDEMPOTENCY_SECONDS
        )
        return response

    return wrapper


def _answer_again(first: dict[str, Any], print_of_body: str) -> Response:
    if first["body"] != print_of_body:
        raise Conflict("This Idempotency-Key was used for another request body.", remedy="Send a new key.")
    if first["status"] is None:
        raise Conflict(
            "The first request with this Idempotency-Key is still running.", remedy="Try again in a moment."
        )
    if first["data"] is None:
        raise Conflict(
            "This was created by an earlier request with the same Idempotency-Key; its secret was shown then.",
            remedy="Rotate the credential if the secret was lost.",
        )
    return Response(first["data"], status=first["status"], headers={"Idempotent-Replayed": "true"})
