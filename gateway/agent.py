"""The single writer to the gateway: wakes on a change, compiles, writes, asks Envoy whether it took it, probes.

It holds no state that it could not read again: killed at any point and started anew it brings files and receipts to
where they should be. While it is away the gateway goes on with what was agreed last.
"""

import datetime as dt
import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg
from django.db import Error as DatabaseError, connection, transaction

from keymanager import signing
from portal.errors import GatewayUnavailable

from . import beside, compile, deny, receipts, sweep  # noqa: A004  the module is named for what it does
from .clock import Clock
from .held import HeldBack
from .listen import Heard, Listener
from .models import Revision
from .publish import Publisher
from .snapshot import Snapshot

logger = logging.getLogger(__name__)

RECONCILE_S = 60.0
# The map of all subscriptions holds Envoy up for a second where it is large, so it waits until nobody changes anything.
QUIET_S = 15.0
_IDLE_S = 1.0
# How often it is looked whether the compile beside is done.
_GLANCE_S = 0.02
_RETRY_WRITE_S = 1.0
_BACKOFF_S = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The database at one moment, and the receipts whose changes are in it. `started` is of time.monotonic()."""

    catalog: compile.Catalog
    access: compile.Access
    waiting: list[int]
    started: float
    reconciling: bool

    @property
    def knows_every_plan(self) -> bool:
        """A plan that is newer than the catalog has no limits yet, and lets nobody in."""
        return {plan.slug for plan in self.catalog.plans} >= set(self.access.subscriptions.values())


def compile_all(before: compile.Catalog | None, *, reconciling: bool) -> Compiled:
    """Read everything, but versions and plans only where there is no catalog from `before`."""
    started, waiting = time.monotonic(), receipts.waiting_ids()
    signing.jwks()  # may make the first keys
    with reading():
        catalog = before or compile.catalog()
        return Compiled(catalog, compile.access(), waiting, started, reconciling)


@contextmanager
def reading() -> Iterator[None]:
    """All queries meanwhile see one state of the database."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@dataclass
class Agent:
    """`run` until `stopping()`; one `step` is one wait and whatever it brought.

    What touches single applications is read and published at once. All else is compiled anew as a whole, on a thread
    beside, because that takes seconds where there is much of it. The whole is the truth, and there is one each minute.
    """

    publisher: Publisher
    secret: str
    stopping: Callable[[], bool] = lambda: False
    compiled: Compiled | None = field(default=None, init=False)
    # The catalog without what Envoy refused; None until it is worked out anew.
    offered: compile.Catalog | None = field(default=None, init=False)
    held: HeldBack = field(default_factory=HeldBack, init=False)
    clock: Clock = field(default_factory=Clock, init=False)
    # time.monotonic() of the next compile, and of the next one that reads everything and heals the files.
    due: float = 0.0
    reconcile_at: float = 0.0
    sweep_at: float = 0.0
    # Primary key of the version that the sweep saw last.
    swept_to: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    # time.monotonic() of the last change of an application.
    _heard_at: float = field(default=-math.inf, init=False)
    # Applications that have changed since the compile beside began, and whether it must be done once more.
    _since: set[str] = field(default_factory=set, init=False)
    _again: Heard = field(default_factory=Heard, init=False)

    def run(self) -> None:
        """Work until told to stop. Losing Postgres costs a pause, not the process."""
        while not self.stopping():
            try:
                with Listener.open() as listener:
                    self._lead(listener)
            except (psycopg.Error, DatabaseError) as error:
                self._pause(error)

    def _lead(self, listener: Listener) -> None:
        """Be the one writer, as long as this connection lives."""
        if not listener.lead():
            logger.info("another gateway agent is at work; waiting until it ends")
        while not self.stopping() and not listener.lead():
            listener.wait(_IDLE_S)
        self.due = self.reconcile_at = 0.0
        self.compiled = None
        with deny.first(self.publisher.denied), beside.one_at_a_time() as work:
            while not self.stopping():
                self.step(listener, work)
                self.failures = 0

    def step(self, listener: Listener, work: beside.Beside[Compiled]) -> None:
        """Wait for a change, at most until something is due; then publish and probe."""
        heard = listener.wait(self._patience(work))
        self._since |= heard.applications
        if heard.applications:
            self._heard_at = time.monotonic()
        self._begin_compile(heard, work)
        if whole := work.taken():
            self._publish_whole(whole)
        elif heard.applications and self.compiled:
            self._publish(self._refreshed(self.compiled, heard.applications), whole=self.publisher.overflows)
        elif not heard:
            self._look_after()
        receipts.probe_running(self.secret)
        if whole and whole.reconciling:
            receipts.revisit_stuck(self.secret)
        if not heard and time.monotonic() >= self.sweep_at:
            self.sweep_at = time.monotonic() + sweep.EVERY_S
            sweep.sweep(self.secret)
            self.swept_to = sweep.look_at_versions(self.secret, self.swept_to)

    def _patience(self, work: beside.Beside[Compiled]) -> float:
        """Seconds to wait for a word."""
        if work.busy:
            return _GLANCE_S
        if self._again:
            return 0.0
        wait = receipts.POLL_S if receipts.any_running() else _IDLE_S
        return min(wait, max(0.0, self.due - time.monotonic()))

    def _begin_compile(self, heard: Heard, work: beside.Beside[Compiled]) -> None:
        """Where something is due or has changed that no application is the whole of."""
        now = time.monotonic()
        wanted = heard.everything or self._again.everything or now >= self.due or self.clock.was_set()
        if not wanted:
            return
        versions = heard.versions or self._again.versions
        if work.busy:
            self._again = Heard(everything=True, versions=versions)
            return
        reconciling = now >= self.reconcile_at
        self._since, self._again, self.due = set(), Heard(), math.inf
        before = None if reconciling or versions or not self.compiled else self.compiled.catalog
        if before is None:
            self.reconcile_at = now + RECONCILE_S
        work.begin(lambda: compile_all(before, reconciling=reconciling))

    def _publish_whole(self, whole: Compiled) -> None:
        """What changed while it was compiled is read once more."""
        if self.compiled and whole.catalog == self.compiled.catalog:
            whole = replace(whole, catalog=self.compiled.catalog)
        else:
            self.offered = None
        if self.compiled:
            whole = replace(whole, access=whole.access.alike(self.compiled.access))
        if self._since:
            whole = self._refreshed(whole, self._since)
        quiet = time.monotonic() - self._heard_at > QUIET_S
        self._publish(whole, whole=(whole.reconciling and quiet) or self.publisher.overflows)

    def _refreshed(self, compiled: Compiled, applications: Collection[str]) -> Compiled:
        """With these applications as they are now, and the receipts that wait for them."""
        started, waiting = time.monotonic(), receipts.waiting_ids(applications)
        with reading():
            access = compile.refreshed(compiled.access, applications)
        if compiled is self.compiled:
            return replace(compiled, access=access, waiting=waiting, started=started, reconciling=False)
        return replace(compiled, access=access, waiting=[*compiled.waiting, *waiting])

    def _publish(self, compiled: Compiled, *, whole: bool) -> None:
        """Bring the gateway's files to the database's state, and every receipt that waits for it along.

        A receipt that is there before the compile is in it. One that comes later wakes the agent again.
        """
        self.compiled, waiting = compiled, compiled.waiting
        if self.offered is None:
            self.offered = self.held.without(compiled.catalog)
            receipts.record_problems(self.offered.problems)
        self.due = min(self.reconcile_at, time.monotonic() + _seconds_until(compiled.access.changes_at))
        if not compiled.knows_every_plan:
            self._again = Heard(everything=True, versions=True)
        snapshot = compile.snapshot(self.offered, compiled.access)
        numbers = counts(snapshot)
        receipts.mark(waiting, "compiled", _compiled_evidence(numbers, compiled.started))
        try:
            revision = self.publisher.write(snapshot, numbers, whole=whole)
        except OSError as error:
            logger.exception("the gateway's files cannot be written")
            receipts.note_problem(waiting, f"The gateway's files cannot be written: {error}.")
            self.due = min(self.due, time.monotonic() + _RETRY_WRITE_S)
            return
        receipts.mark(waiting, "written", _written_evidence(revision), revision=self.publisher.revision)
        self._confirm(waiting)

    def _confirm(self, waiting: list[int]) -> None:
        try:
            receipts.mark(waiting, "accepted", self.publisher.confirm())
        except GatewayUnavailable as error:
            receipts.note_problem(waiting, error.message)
            if self.publisher.unsettled:
                self.due = min(self.due, time.monotonic() + _RETRY_WRITE_S)
        except OSError as error:
            logger.exception("what Envoy refused cannot be put back or tried")
            receipts.note_problem(waiting, f"The gateway's files cannot be written: {error}.")
            self.due = min(self.due, time.monotonic() + _RETRY_WRITE_S)
        if self.publisher.culprits and self.compiled:
            self.held.add(self.publisher.culprits, self.compiled.catalog)
            self.publisher.culprits = {}
            self.offered = None
            self.due = 0.0  # all others at once, without them

    def _look_after(self) -> None:
        """Between changes: mend files that others touched, and ask again for Envoy's word where it is missing."""
        try:
            self.publisher.heal()
        except OSError as error:
            logger.warning("the gateway's files cannot be healed: %s", error)
        if (written := receipts.written_ids()) or self.publisher.unconfirmed:
            self._confirm(written)

    def _pause(self, error: Exception) -> None:
        """Postgres is away: say so once a try, and come back slower each time. What ends by the clock ends all the same."""
        logger.warning("the database does not answer, the gateway goes on as it is: %s", error)
        connection.close()
        try:
            self.publisher.denied.write_known()
        except OSError:
            logger.exception("the deny list cannot be written")
        seconds = _BACKOFF_S[min(self.failures, len(_BACKOFF_S) - 1)]
        self.failures += 1
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.stopping():
            time.sleep(0.1)


def _seconds_until(moment: dt.datetime | None) -> float:
    """How long until something ends by the clock, and a little."""
    return math.inf if moment is None else max(0.0, moment.timestamp() - time.time()) + 0.05


def counts(snapshot: Snapshot) -> Mapping[str, int]:
    """How much is enforced, for people."""
    return {
        "versions": len({(v.api, v.version) for s in snapshot.environments.values() for v in s.versions}),
        "subscriptions": len(snapshot.subscriptions),
        "keys": sum(len(state.keys) for state in snapshot.environments.values()),
        "revoked": len(snapshot.revoked_credentials) + len(snapshot.revoked_tokens),
    }


def _compiled_evidence(numbers: Mapping[str, int], started: float) -> str:
    words = " · ".join(
        f"{number} {what.removesuffix('s') if number == 1 else what}" for what, number in numbers.items()
    )
    return f"{words} · {(time.monotonic() - started) * 1000:.0f} ms"


def _written_evidence(revision: Revision | None) -> str:
    if revision is None:
        return "no file had to change"
    return f"revision {revision.pk} · {', '.join(revision.files)}"
