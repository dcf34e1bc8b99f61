"""Every answer that Envoy gives itself, as RFC 9457 problem+json with a reason a program can act on."""

from dataclasses import dataclass, field
from typing import Any

from gateway.snapshot import Reason

TYPE = "type.googleapis.com/"
# Says the reason where a body cannot: to HEAD, to gRPC and to the access log. An API's own is dropped.
REASON_HEADER = "x-portico-reason"
# The policy that refuses a path with hidden dots, and its reason.
BAD_PATH = "bad_path"
_CEL = TYPE + "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"


@dataclass(frozen=True, slots=True)
class Reply:
    """One kind of refusal: `when` is a CEL expression over the response, `challenge` the WWW-Authenticate value.

    `members` are more of the problem's own, in Envoy's format strings, and so is `retry_after`, the Retry-After value.
    """

    when: str
    reason: str
    status: int | None
    title: str
    detail: str
    challenge: str = ""
    members: dict[str, str] = field(default_factory=dict)
    retry_after: str = ""


def _policy(name: str) -> str:
    return f"response.code_details == 'rbac_access_denied_matched_policy[{name}]'"


def _jwt(name: str) -> str:
    return f"response.code_details == 'jwt_authn_access_denied{{{name}}}'"


_INVALID = 'Bearer realm="portico", error="invalid_token"'
_MISSING = 'Bearer realm="portico"'

REPLIES = (
    Reply(
        f"{_policy(Reason.NOT_AUTHENTICATED)} || {_jwt('Jwt_is_missing')}",
        Reason.NOT_AUTHENTICATED,
        401,
        "Not authenticated",
        "Send an access token as Authorization: Bearer, or an API key as x-api-key, as this API's page says.",
        _MISSING,
    ),
    Reply(
        _jwt("Jwt_is_expired"),
        Reason.TOKEN_EXPIRED,
        401,
        "Access token expired",
        "Ask the token endpoint for a new access token.",
        _INVALID,
    ),
    Reply(
        f"{_jwt('Audiences_in_Jwt_are_not_allowed')} || {_policy('none')}",
        Reason.WRONG_AUDIENCE,
        401,
        "Access token is for another environment or API",
        "Use a credential of the environment that this address belongs to, and a token that was asked for this API or for none.",
        _INVALID,
    ),
    Reply(
        "response.code_details.startsWith('jwt_authn_access_denied')",
        Reason.TOKEN_INVALID,
        401,
        "Access token not valid",
        "The token was not issued by this portal or an issuer that it trusts, or was altered.",
        _INVALID,
    ),
    Reply(
        _policy(Reason.KEY_UNKNOWN),
        Reason.KEY_UNKNOWN,
        401,
        "API key not known",
        "The key does not exist in this environment, was revoked, or expired more than thirty days ago.",
        _MISSING,
    ),
    Reply(
        _policy(Reason.KEY_EXPIRED),
        Reason.KEY_EXPIRED,
        401,
        "API key expired",
        "The last day of the key is over. Create another one for the application.",
        _MISSING,
    ),
    Reply(
        _policy(Reason.CLIENT_UNKNOWN),
        Reason.CLIENT_UNKNOWN,
        401,
        "Client not known",
        "The token is good, but no application has added this client of its issuer in this environment.",
        _INVALID,
    ),
    Reply(
        _policy(Reason.TOKEN_REVOKED),
        Reason.TOKEN_REVOKED,
        401,
        "Credential revoked",
        "The credential or this token was revoked. Use another credential of the application.",
        _INVALID,
    ),
    Reply(
        _policy(Reason.KEY_NOT_FOR_API),
        Reason.KEY_NOT_FOR_API,
        403,
        "API key is not for this API",
        "The key was made for some of the application's APIs, and this is none of them. Use another credential.",
    ),
    Reply(
        _policy(Reason.ADDRESS_NOT_ALLOWED),
        Reason.ADDRESS_NOT_ALLOWED,
        403,
        "API key may not be used from here",
        "The key is good from some networks only. The member address says where the call came from.",
        members={"address": "%REQ(X-PORTAL-ADDRESS)%"},
    ),
    Reply(
        _policy(Reason.NOT_SUBSCRIBED),
        Reason.NOT_SUBSCRIBED,
        403,
        "Not subscribed",
        "The application has no active subscription to this API.",
    ),
    Reply(
        _policy(Reason.SUSPENDED),
        Reason.SUSPENDED,
        403,
        "Subscription suspended",
        "The API's publisher has suspended this application's subscription.",
    ),
    Reply(
        _policy(Reason.SCOPE_MISSING),
        Reason.SCOPE_MISSING,
        403,
        "Scope missing",
        "The access token lacks a scope that this operation needs.",
        'Bearer realm="portico", error="insufficient_scope"',
    ),
    Reply(
        _policy(Reason.BLOCKED_API),
        Reason.BLOCKED_API,
        403,
        "API blocked",
        "The publisher has blocked this version of the API.",
    ),
    Reply(
        _policy(Reason.QUOTA_EXCEEDED),
        Reason.QUOTA_EXCEEDED,
        429,
        "Quota used up",
        "The plan's quota for this period is used up. It begins anew when retry-after says.",
        retry_after="%DYNAMIC_METADATA(envoy.filters.http.rbac:limits_shadow_effective_policy_id)%",
    ),
    Reply(
        "response.code_details == 'local_rate_limited'",
        Reason.PLAN_RATE,
        429,
        "Too many requests",
        "The plan's rate is used up. Wait as long as retry-after says.",
    ),
    Reply(
        f"response.code_details == 'direct_response' || {_policy(Reason.UNKNOWN_PATH)}",
        Reason.UNKNOWN_PATH,
        404,
        "No such operation",
        "No API serves this method and path at this address.",
    ),
    Reply(
        _policy(BAD_PATH),
        BAD_PATH,
        400,
        "Path not understood",
        "The path holds dots or slashes in a hidden form.",
    ),
    Reply(
        "response.code == 501",
        "bad_request",
        None,
        "Request not understood",
        "The request breaks a rule of HTTP.",
    ),
    Reply(
        "response.code == 504", "upstream_timeout", None, "The API did not answer in time", "Try again later."
    ),
    Reply(
        "response.code >= 500", "upstream_unavailable", None, "The API cannot be reached", "Try again later."
    ),
    Reply("response.code == 413", "too_large", None, "Request too large", "Send less."),
    Reply(
        "response.code == 431",
        "too_large",
        None,
        "Request headers too large",
        "Send fewer or shorter headers.",
    ),
    Reply(
        "response.code >= 400",
        "bad_request",
        None,
        "Request not understood",
        "The request breaks a rule of HTTP.",
    ),
)


def local_reply_config() -> dict[str, Any]:
    """HttpConnectionManager.local_reply_config; mappers are tried in order, so the general ones come last."""
    return {
        "mappers": [_mapper(reply) for reply in REPLIES],
        "body_format": _body("gateway", "%LOCAL_REPLY_BODY%"),
    }


def _mapper(reply: Reply) -> dict[str, Any]:
    mapper: dict[str, Any] = {
        "filter": {
            "extension_filter": {"name": "cel", "typed_config": {"@type": _CEL, "expression": reply.when}}
        },
        "body_format_override": _body(reply.reason, reply.title, detail=reply.detail, **reply.members),
        "headers_to_add": [_header(REASON_HEADER, reply.reason)],
    }
    if reply.status is not None:
        mapper["status_code"] = reply.status
    if reply.challenge:
        mapper["headers_to_add"].append(_header("www-authenticate", reply.challenge))
    if reply.retry_after:
        mapper["headers_to_add"].append(_header("retry-after", reply.retry_after))
    return mapper


def _header(name: str, value: str) -> dict[str, Any]:
    header = {"key": name, "value": str(value)}
    return {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "header": header}


def _body(reason: str, title: str, **members: str) -> dict[str, Any]:
    body = {"type": "about:blank", "title": title, "status": "%RESPONSE_CODE%", "reason": str(reason)}
    body |= members
    body["request_id"] = "%REQ(X-REQUEST-ID)%"
    return {"content_type": "application/problem+json", "json_format": body}
