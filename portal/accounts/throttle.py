"""Wrong passwords: how many an account and an address get, and who is told."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from portal.errors import TooManyTries

from . import limits
from .audit import record
from .limits import Limit
from .models import User


def check(request: HttpRequest, email: str) -> None:
    """Raise TooManyTries before a password is looked at, where the account or the address has failed too often."""
    _refuse(limits.wait_of_all(_limits(request, email)))


def failed(request: HttpRequest, email: str) -> None:
    """Count a wrong password or unknown account, alike. Raises TooManyTries where that was one too many."""
    counted = [limits.count(limit) for limit in _limits(request, email)]
    _tell(request, email, tries=counted[0].tries)
    _refuse(max(one.wait for one in counted))


def forgive(request: HttpRequest, email: str) -> None:
    """The owner of the mailbox has set a new password: nobody's guesses keep them out any longer."""
    here, _, everywhere = _limits(request, email)
    limits.forgive(here.key)
    limits.forgive(everywhere.key)


def _limits(request: HttpRequest, email: str) -> tuple[Limit, Limit, Limit]:
    tries, address, account = settings.LOGIN_FAILURES, limits.address_of(request), _account_key(email)
    return (
        Limit(f"{account} {address}", tries, 300),
        Limit(f"login {address}", tries * 10, 300),
        Limit(account, tries * 5, 3600),
    )


def _account_key(email: str) -> str:
    # People type passwords into the wrong field: a digest is kept, never the text.
    return f"login {limits.word(email.strip().lower())}"


@transaction.atomic
def _tell(request: HttpRequest, email: str, *, tries: int) -> None:
    """For the trail, once an hour each: that somebody tries, and that the limit is reached."""
    events = {1: "sign_in_failed", settings.LOGIN_FAILURES: "sign_in_limited"}
    user = User.objects.filter(email=email.strip().lower()).first() if tries in events else None
    address = limits.address_of(request)
    if user is not None and limits.first_this_hour(f"{events[tries]} {user.public_id} {address}"):
        record(events[tries], user, by=None, address=address, tries=tries)


def _refuse(wait: int) -> None:
    if wait:
        raise TooManyTries(
            gettext(
                "To keep accounts safe, a password can be wrong only a few times in a row. Nothing is locked for good."
            ),
            remedy=gettext("Try again in {max} min, or set a new password by e-mail.").format(
                max=max(1, round(wait / 60))
            ),
            retry_after=wait,
        )
