"""Reading a request's body."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer


def valid(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body as `kind` understands it. Raises ValidationError, which becomes problem+json with `errors` by field."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
