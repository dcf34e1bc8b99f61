"""The gateway's chain of checks, link by link: what holds now, what does not, and what to do about it.

The order is that of the gateway's filters, so the first link that does not hold is the one that refuses. What only the
gateway knows (the rate, the caller's address) is said as such, never guessed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.utils import dateformat, timezone
from django.utils.translation import gettext as _

from apis.models import Publication
from gateway.models import QuotaUse
from gateway.snapshot import Reason
from gateway.usage.quotas import Quota
from keymanager.models import Credential, CredentialKind
from keymanager.tokens import is_revoked
from portal.accounts.models import Viewer
from subscriptions.models import Subscription, SubscriptionStatus

from .subject import Subject, has_operations, sends_token

OK, BAD, IDLE = "ok", "bad", "idle"


@dataclass(frozen=True, slots=True)
class Link:
    """One check. `after`: not reached, because one before it refused."""

    name: str
    state: str
    text: str
    reason: str = ""
    remedy: str = ""
    after: bool = False


def ok(text: str) -> Link:
    return Link("", OK, text)


def bad(reason: str, text: str, remedy: str) -> Link:
    return Link("", BAD, text, reason, remedy)


def unknown(text: str) -> Link:
    return Link("", IDLE, text)


def links_of(subject: Subject, by: Viewer) -> list[Link]:
    """Every check as it stands now; from the first one that refuses on they are `after`, which no call reaches."""
    found: list[Link] = []
    for name, check in CHECKS:
        refused = any(link.state == BAD for link in found)
        link = unknown(_("Not reached.")) if refused else check(subject, by)
        found.append(Link(name, link.state, link.text, link.reason, link.remedy, after=refused))
    return found


def _address(subject: Subject, by: Viewer) -> Link:
    version = subject.version
    if version is None:
        if not subject.called:
            return unknown(_("No call was given: every API that it is subscribed to counts."))
        return bad(
            Reason.UNKNOWN_PATH,
            _("No API that you may see serves {path}.").format(path=subject.path or _("this path")),
            _("Compare it with the base URL on the API’s page."),
        )
    if version.status == Publication.BLOCKED:
        return bad(
            Reason.BLOCKED_API,
            _("{version} is blocked by its publisher.").format(version=version),
            _("Ask its team, which the API’s page names."),
        )
    if not version.served or version.withdrawn_at or subject.environment not in version.upstreams:
        return bad(
            Reason.UNKNOWN_PATH,
            _("{version} is not served in {environment}.").format(
                version=version, environment=subject.environment
            ),
            _("Its page names the environments and versions that are."),
        )
    if subject.operation is None and has_operations(version):
        return bad(
            Reason.UNKNOWN_PATH,
            _("{version} has no operation {method} {path}.").format(
                version=version,
                method=subject.method,
                path=subject.path.removeprefix(version.base_path) or "/",
            ),
            _("Its Reference lists methods and paths."),
        )
    return ok(f"{version}, {subject.operation or 'any path'}, {subject.environment}.")


def _credential(subject: Subject, by: Viewer) -> Link:
    version = subject.version
    if version and version.security.get("public"):
        return ok(_("This API asks for none."))
    if not subject.proof:
        return bad(
            Reason.NOT_AUTHENTICATED,
            _("None was sent."),
            _("Send a token as Authorization: Bearer, or a key as x-api-key."),
        )
    if version and subject.credential:
        wanted = "oauth2" if sends_token(subject.credential) else "api_key"
        if not version.security.get(wanted):
            other = _("an API key") if wanted == "oauth2" else _("an access token")
            return bad(
                Reason.NOT_AUTHENTICATED,
                _("{version} does not take this kind.").format(version=version),
                _("Use {other} instead.").format(other=other),
            )
    return ok(_("One was sent."))


def _identity(subject: Subject, by: Viewer) -> Link:
    if subject.refused:
        return _unproven(subject)
    credential = subject.credential
    if credential is None:
        return unknown(_("The gateway logged nobody for this call."))
    if credential.environment != subject.environment:
        reason = Reason.WRONG_AUDIENCE if sends_token(credential) else Reason.KEY_UNKNOWN
        return bad(
            reason,
            _("{credential} is of {environment}, the address of {other}.").format(
                credential=credential, environment=credential.environment, other=subject.environment
            ),
            _("Use a credential of {environment}, or the address of {other}.").format(
                environment=subject.environment, other=credential.environment
            ),
        )
    if _is_for_others(subject):
        return bad(
            Reason.WRONG_AUDIENCE,
            _("The token was asked for other APIs (resource, RFC 8707)."),
            _("Ask for one with this API’s base URL as resource, or with none."),
        )
    return ok(
        _("{credential}, {kind} of {application}.").format(
            credential=credential, kind=credential.get_kind_display(), application=subject.application
        )
    )


def _unproven(subject: Subject) -> Link:
    if subject.refused == Reason.KEY_UNKNOWN:
        text = _("No API key is like this one.")
        remedy = _(
            "Copy it whole: a double click selects all of it. A lost key cannot be shown again; create another."
        )
        return bad(Reason.KEY_UNKNOWN, text, remedy)
    if subject.refused == Reason.TOKEN_EXPIRED:
        at = datetime.fromtimestamp(subject.claims["exp"], tz=UTC)
        text = _("The token ended at {at:%H:%M:%S} UTC on {day}.").format(
            at=at, day=dateformat.format(at, "d M Y")
        )
        return bad(Reason.TOKEN_EXPIRED, text, _("Get another from the token endpoint."))
    remedy = _(
        "Get one from {issuer}/token/. One of an outside issuer can only be checked by a call."
    ).format(issuer=settings.ISSUER)
    return bad(Reason.TOKEN_INVALID, _("The token was not signed by this portal, or was altered."), remedy)


def _is_for_others(subject: Subject) -> bool:
    slugs = subject.claims.get("subs") if subject.claims.get("subs_only") else None
    return bool(slugs is not None and subject.version and subject.version.api.slug not in slugs)


def _revocation(subject: Subject, by: Viewer) -> Link:
    credential = subject.credential
    if credential is None:
        return unknown(_("Nothing to look up."))
    if not credential.usable:
        return bad(
            _ended_reason(credential),
            f"{credential} {_ended(credential)}",
            _("Use another credential of the application, or create one."),
        )
    if subject.claims and is_revoked(subject.claims):
        return bad(
            Reason.TOKEN_REVOKED, _("This token was revoked."), _("Get another from the token endpoint.")
        )
    return ok(_("Neither it nor its token was revoked."))


def _ended_reason(credential: Credential) -> Reason:
    if credential.kind != CredentialKind.API_KEY:
        return Reason.TOKEN_REVOKED
    return Reason.KEY_EXPIRED if credential.state == "expired" else Reason.KEY_UNKNOWN


def _ended(credential: Credential) -> str:
    if credential.revoked_at:
        return _("was revoked at {revoked_at:%H:%M:%S} UTC on {day}.").format(
            revoked_at=credential.revoked_at, day=dateformat.format(credential.revoked_at, "d M Y")
        )
    if credential.expired and credential.expires_at:
        return _("expired on {expires_at}.").format(
            expires_at=dateformat.format(credential.expires_at, "d M Y")
        )
    return _("was rotated, and its overlap is over.")


def _limits(subject: Subject, by: Viewer) -> Link:
    credential = subject.credential
    if credential is None or credential.kind != CredentialKind.API_KEY:
        return ok(_("Only API keys have them."))
    apis = [api.slug for api in credential.allowed_apis.all()]
    if apis and subject.version and subject.version.api.slug not in apis:
        return bad(
            Reason.KEY_NOT_FOR_API,
            _("The key is for {names} only.").format(names=", ".join(apis)),
            _("Use another key of the application, or create one for this API."),
        )
    if credential.allowed_ranges:
        return unknown(
            _("Good from {names} only; the gateway knows the address.").format(
                names=", ".join(credential.allowed_ranges)
            )
        )
    return ok(_("The key has none."))


def _subscription(subject: Subject, by: Viewer) -> Link:
    application, version = subject.application, subject.version
    if version and version.security.get("public"):
        return ok(_("This API asks for none."))
    if application is None or version is None:
        return unknown(_("Nothing to look up."))
    row = _newest(subject)
    if row is None:
        return bad(
            Reason.NOT_SUBSCRIBED,
            _("{application} has never subscribed to {api}.").format(
                application=application, api=version.api
            ),
            _("Subscribe on the API’s page."),
        )
    if row.status == SubscriptionStatus.SUSPENDED:
        return bad(
            Reason.SUSPENDED,
            _("The publisher has suspended it."),
            _("The subscription’s page says why, and by whom."),
        )
    ended = row.expires_at is not None and row.expires_at <= timezone.now()
    if row.status not in Subscription.ENFORCED or ended:
        state = "expired" if ended else row.get_status_display().lower()
        waits = row.status == SubscriptionStatus.PENDING
        return bad(
            Reason.NOT_SUBSCRIBED,
            _("The subscription of {application} is {state}.").format(application=application, state=state),
            _("Its publisher has to approve it first.") if waits else _("Subscribe again on the API’s page."),
        )
    return ok(_("{application} is subscribed under {plan}.").format(application=application, plan=row.plan))


def _newest(subject: Subject) -> Subscription | None:
    """The live one, else the last one."""
    if subject.application is None or subject.version is None:
        return None
    rows = Subscription.objects.filter(application=subject.application, api=subject.version.api)
    rows = rows.select_related("plan").order_by("-created_at", "-id")
    return rows.live().first() or rows.first()


def _quota(subject: Subject, by: Viewer) -> Link:
    row = _newest(subject)
    quota = Quota.of(row.plan) if row else None
    if row is None or quota is None:
        return ok(_("There is none."))
    now = timezone.now()
    starts, ends = quota.span(now)
    use = QuotaUse.objects.filter(
        application=row.application, api=row.api, period=quota.period, starts_at=starts
    ).first()
    used = use.used if use else 0
    if used >= quota.requests:
        return bad(
            Reason.QUOTA_EXCEEDED,
            _("{used:,} of {requests:,} calls of this {period} are used.").format(
                used=used, requests=quota.requests, period=quota.period
            ),
            _("It begins anew on {day} at {time} UTC; a larger plan counts at once.").format(
                day=dateformat.format(ends, "d M"), time=f"{ends:%H:%M}"
            ),
        )
    return ok(
        _("{used:,} of {requests:,} calls of this {period} are used.").format(
            used=used, requests=quota.requests, period=quota.period
        )
    )


def _scopes(subject: Subject, by: Viewer) -> Link:
    operation = subject.operation
    if operation is None or not operation.scopes:
        return ok(_("The operation needs none."))
    if subject.credential and not sends_token(subject.credential):
        return ok(_("API keys are not asked for scopes."))
    needed = " ".join(operation.scopes)
    if not subject.claims:
        return unknown(
            _("The token must have {needed}; paste it to see whether it has.").format(needed=needed)
        )
    missing = [scope for scope in operation.scopes if scope not in subject.claims.get("scope", "").split()]
    if missing:
        return bad(
            Reason.SCOPE_MISSING,
            _("The token lacks {names}.").format(names=" ".join(missing)),
            _("Ask the token endpoint for scope={needed}.").format(needed=needed),
        )
    return ok(_("The token has {needed}.").format(needed=needed))


def _rate(subject: Subject, by: Viewer) -> Link:
    row = _newest(subject)
    if row is None:
        return unknown(_("Nothing to look up."))
    return unknown(
        f"{row.plan.rate_text} under {row.plan}; the gateway alone counts them, and its answers say what is left."
    )


CHECKS: tuple[tuple[str, Callable[[Subject, Viewer], Link]], ...] = (
    ("Address", _address),
    ("Credential", _credential),
    ("Identity", _identity),
    ("Revocation", _revocation),
    ("Limits of the key", _limits),
    ("Subscription", _subscription),
    ("Quota", _quota),
    ("Scopes", _scopes),
    ("Rate", _rate),
)
# The check that a recorded refusal comes from.
REFUSED_BY = {
    "Address": {Reason.UNKNOWN_PATH, Reason.BLOCKED_API},
    "Credential": {Reason.NOT_AUTHENTICATED},
    "Identity": {
        Reason.KEY_UNKNOWN,
        Reason.KEY_EXPIRED,
        Reason.TOKEN_INVALID,
        Reason.TOKEN_EXPIRED,
        Reason.WRONG_AUDIENCE,
        Reason.CLIENT_UNKNOWN,
    },
    "Revocation": {Reason.TOKEN_REVOKED},
    "Limits of the key": {Reason.KEY_NOT_FOR_API, Reason.ADDRESS_NOT_ALLOWED},
    "Subscription": {Reason.NOT_SUBSCRIBED, Reason.SUSPENDED},
    "Quota": {Reason.QUOTA_EXCEEDED},
    "Scopes": {Reason.SCOPE_MISSING},
    "Rate": {Reason.PLAN_RATE},
}
