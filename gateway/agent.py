"""The single writer to the gateway: wakes on a change, compiles, writes, asks Envoy whether it took it, probes.

It holds no state that it could not read again: killed at any point and started anew it brings files and receipts to
where they should be. While it is away the gateway goes on with what was agreed last.
"""

import datetime as dt
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg
from django.db import Error as DatabaseError, connection, transaction

from keymanager import signing
from portal.errors import GatewayUnavailable

from . import compile, deny, receipts, sweep  # noqa: A004  the module is named for what it does
from .clock import Clock
from .held import HeldBack
from .listen import Listener
from .models import Revision
from .publish import Publisher
from .snapshot import Snapshot

logger = logging.getLogger(__name__)

RECONCILE_S = 60.0
_IDLE_S = 1.0
_RETRY_WRITE_S = 1.0
_BACKOFF_S = (0.5, 1.0, 2.0)


@dataclass
class Agent:
    """`run` until `stopping()`; one `step` is one wait and whatever it brought."""

    publisher: Publisher
    secret: str
    stopping: Callable[[], bool] = lambda: False
    catalog: compile.Catalog | None = None
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
        with deny.first(self.publisher.denied):
            while not self.stopping():
                self.step(listener)
                self.failures = 0

    def step(self, listener: Listener) -> None:
        """Wait for a change, at most until something is due; then publish and probe."""
        wait = receipts.POLL_S if receipts.any_running() else _IDLE_S
        heard = listener.wait(min(wait, max(0.0, self.due - time.monotonic())))
        reconciling = time.monotonic() >= self.reconcile_at
        if heard or time.monotonic() >= self.due or self.clock.was_set():
            self.publish(versions_changed=reconciling or "versions" in heard)
        else:
            self._look_after()
        receipts.probe_running(self.secret)
        if reconciling:
            receipts.revisit_stuck(self.secret)
        if not heard and time.monotonic() >= self.sweep_at:
            self.sweep_at = time.monotonic() + sweep.EVERY_S
            sweep.sweep(self.secret)
            self.swept_to = sweep.look_at_versions(self.secret, self.swept_to)

    def publish(self, *, versions_changed: bool = True) -> None:
        """Bring the gateway's files to the database's state, and every receipt that waits for it along.

        A receipt that is there before the compile is in it. One that comes later wakes the agent again.
        """
        waiting = receipts.waiting_ids()
        started = time.monotonic()
        snapshot = self._compile(versions_changed)
        numbers = counts(snapshot)
        receipts.mark(waiting, "compiled", _compiled_evidence(numbers, started))
        try:
            revision = self.publisher.write(snapshot, numbers)
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
        if self.publisher.culprits and self.catalog:
            self.held.add(self.publisher.culprits, self.catalog)
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

    def _compile(self, versions_changed: bool) -> Snapshot:
        """All queries see one state of the database."""
        signing.jwks()  # may make the first keys
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if self.catalog is None or versions_changed:
                self.catalog, self.offered = compile.catalog(), None
                self.reconcile_at = time.monotonic() + RECONCILE_S
            access = compile.access()
        if self.offered is None:
            self.offered = self.held.without(self.catalog)
        receipts.record_problems(self.offered.problems)
        self.due = min(self.reconcile_at, time.monotonic() + _seconds_until(access.changes_at))
        return compile.snapshot(self.offered, access)

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
    words = " · ".join(f"{number} {what}" for what, number in numbers.items())
    return f"{words} · {(time.monotonic() - started) * 1000:.0f} ms"


def _written_evidence(revision: Revision | None) -> str:
    if revision is None:
        return "no file had to change"
    return f"revision {revision.pk} · {', '.join(revision.files)}"
