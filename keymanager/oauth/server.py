"""The grants that the token end point knows, and what it issues. A grant that is not here is `unsupported_grant_type`."""

from oauthlib.common import Request
from oauthlib.oauth2 import BackendApplicationServer

from keymanager import tokens

from .grant_types import DEVICE, CodeGrantType, DeviceGrantType, RefreshGrantType


class Server(BackendApplicationServer):
    """Client credentials for an application that acts for itself; the other grants carry a person."""

    def __init__(self, request_validator: object, **kwargs: object) -> None:
        super().__init__(
            request_validator,
            token_generator=kwargs["token_generator"],
            token_expires_in=kwargs["token_expires_in"],
        )
        self.grant_types["authorization_code"] = CodeGrantType(request_validator)
        self.grant_types["refresh_token"] = RefreshGrantType(request_validator)
        self.grant_types[DEVICE] = DeviceGrantType(request_validator)
        # What RFC 7009's hint may say; one that is wrong changes nothing.
        self.supported_token_types = ("access_token", "refresh_token")


def access_token(request: Request) -> str:
    """What the framework calls to make a token: the validator has loaded credential and entitlements by now."""
    credential = request.credential
    return tokens.mint(
        application=credential.application,
        environment=credential.environment,
        client_id=credential.public_id,
        entitlements=request.entitlements,
        scopes=request.scopes,
        lifetime=request.expires_in,
    )
