"""How many tries may run at once, and how often somebody may try.

A try holds a thread of the web process for as long as the API takes, up to half a minute; the pages of everybody else
need those threads too.
"""

import threading
from collections import Counter

from django.conf import settings
from django.utils.translation import gettext, gettext_noop

from portal.accounts import limits
from portal.accounts.models import User
from portal.errors import PorticoError, TooManyTries


class Busy(PorticoError):
    """Every place for tries in this process is taken."""

    status = 503
    title = gettext_noop("Too many try at once")


class _Held:
    lock = threading.Lock()
    people: Counter[int] = Counter()


class Place:
    """One try that runs. Free it however the try ends; a second time does nothing."""

    def __init__(self, person: int) -> None:
        self._person: int | None = person

    def free(self) -> None:
        with _Held.lock:
            if self._person is not None:
                _Held.people[self._person] -= 1
                _Held.people += Counter()  # forget who has none
                self._person = None


def take(by: User) -> Place:
    """A place for one try.

    Raises:
        TooManyTries: the person's own of this minute are used, or one of theirs still runs here.
        Busy: those of this process are all taken by others.
    """
    counted = limits.count(limits.Limit(f"try {by.public_id}", settings.TRIES_A_MINUTE, 60))
    if counted.wait:
        raise TooManyTries(
            gettext(
                "{tries_a_minute} calls a minute can be tried here; a program of yours has the whole of your plan."
            ).format(tries_a_minute=settings.TRIES_A_MINUTE),
            remedy=gettext("Try again in {wait} s, or copy the call as curl.").format(wait=counted.wait),
            retry_after=counted.wait,
        )
    with _Held.lock:
        if _Held.people[by.pk] >= settings.TRIES_AT_ONCE_EACH:
            raise TooManyTries(
                gettext("Your call before this one still runs."),
                remedy=gettext("Stop it, or wait until it ends."),
                retry_after=settings.TRY_SECONDS,
            )
        if _Held.people.total() >= settings.TRIES_AT_ONCE:
            raise Busy("Others are trying calls just now.", remedy="Send it again in a few seconds.")
        _Held.people[by.pk] += 1
    return Place(by.pk)
