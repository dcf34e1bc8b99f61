"""How the catalog stands against each cluster: what the sync page, REST and /metrics say alike.

As many queries for a thousand kinds and objects as for one. Ages of what waits are by the database's clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, QuerySet
from django.db.models.functions import Now

from portal.accounts.models import NamespaceGrant, Viewer
from portal.accounts.roles import Permission, teams_with

from .models import Change, SeenObject, SyncProblem, SyncRun, WatchState
from .querysets import own_namespaces

NO_TIME = timedelta(0)
STATES = ("connected", "disconnected", "not_installed", "not_watched")


@dataclass(slots=True)
class KindStatus:
    """One kind of one cluster. `state` is one of STATES; not_watched where no watch said a word of it."""

    kind: str
    state: str = "not_watched"
    connected_since: datetime | None = None
    last_event_at: datetime | None = None
    message: str = ""
    objects: int = 0
    problems: int = 0
    waiting: int = 0
    # The age of the oldest change that waits; None: the catalog is up to date.
    lag: timedelta | None = None

    @property
    def eventful(self) -> bool:
        return bool(self.objects or self.problems or self.waiting or self.state == "disconnected")

    @property
    def short(self) -> str:
        """The kind without its group and version."""
        return self.kind.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Latency:
    """From noticed to listed, of the changes of the last hour."""

    changes: int
    p50: timedelta
    p99: timedelta


@dataclass(slots=True)
class ClusterStatus:
    """One cluster. `first_load` of the `waiting` changes come from a full sync; what people do goes before them."""

    name: str
    kinds: dict[str, KindStatus] = field(default_factory=dict)
    latency: Latency | None = None
    waiting: int = 0
    first_load: int = 0
    last_full_sync: SyncRun | None = None
    running_full_sync: SyncRun | None = None
    failed_full_sync: SyncRun | None = None

    def of(self, kind: str) -> KindStatus:
        return self.kinds.setdefault(kind, KindStatus(kind))

    @property
    def sorted_kinds(self) -> list[KindStatus]:
        return sorted(self.kinds.values(), key=lambda row: row.kind)

    @property
    def present(self) -> list[KindStatus]:
        """Those that there is something to say of: objects, problems, changes that wait, or a watch that is cut."""
        return [row for row in self.sorted_kinds if row.eventful]

    @property
    def empty(self) -> list[str]:
        """The kinds that are followed, and of which there is no object."""
        return [row.kind for row in self.sorted_kinds if not row.eventful and row.state != "not_installed"]

    @property
    def absent(self) -> list[str]:
        """The kinds that would be read, if the cluster had them."""
        return [row.kind for row in self.sorted_kinds if not row.eventful and row.state == "not_installed"]

    @property
    def watched(self) -> list[KindStatus]:
        return [row for row in self.kinds.values() if row.state in {"connected", "disconnected"}]

    @property
    def connected(self) -> int:
        return sum(row.state == "connected" for row in self.watched)

    @property
    def last_failed(self) -> bool:
        """Whether the newest full sync that ended is one that failed."""
        done, failed = self.last_full_sync, self.failed_full_sync
        return failed is not None and (done is None or done.started_at < failed.started_at)

    @property
    def lag(self) -> timedelta | None:
        return max((row.lag for row in self.kinds.values() if row.lag is not None), default=None)

    @property
    def last_event(self) -> KindStatus | None:
        newest = max(filter(None, (row.last_event_at for row in self.kinds.values())), default=None)
        return next((row for row in self.kinds.values() if newest and row.last_event_at == newest), None)


def of_all() -> list[ClusterStatus]:
    """Every cluster of the settings, whole."""
    return _statuses(list(settings.CLUSTERS), Q(), Q())


def visible_to(user: Viewer) -> list[ClusterStatus]:
    """An admin sees all; a publisher their clusters, with what is counted in the namespaces granted to their teams."""
    if not user.is_authenticated:
        return []
    if user.is_admin:
        return of_all()
    grants = NamespaceGrant.objects.filter(team_id__in=teams_with(user, Permission.VIEW_SYNC))
    theirs = set(grants.values_list("cluster", flat=True))
    own = own_namespaces(user)
    return _statuses([name for name in settings.CLUSTERS if name in theirs], own, own | Q(namespace=""))


def _statuses(names: list[str], counted: Q, watched: Q) -> list[ClusterStatus]:
    clusters = {name: ClusterStatus(name) for name in names}
    here = Q(cluster__in=names)
    _add_watches(clusters, WatchState.objects.filter(here & watched))
    counts: tuple[tuple[str, QuerySet[Any]], ...] = (
        ("objects", SeenObject.objects.all()),
        ("problems", SyncProblem.objects.all()),
    )
    for attribute, rows in counts:
        for row in rows.filter(here & counted).order_by().values("cluster", "kind").annotate(n=Count("pk")):
            setattr(clusters[row["cluster"]].of(row["kind"]), attribute, row["n"])
    _add_queue(clusters, here & counted)
    _add_runs(clusters, SyncRun.objects.filter(here))
    for name, latency in _latencies(names).items():
        clusters[name].latency = latency
    return list(clusters.values())


def _add_watches(clusters: dict[str, ClusterStatus], states: Iterable[WatchState]) -> None:
    """A kind that is watched namespace by namespace is connected when all of them are, and since the last of them."""
    for state in states:
        row = clusters[state.cluster].of(state.kind)
        if not state.installed:
            row.state = "not_installed" if row.state == "not_watched" else row.state
            continue
        if state.connected_since is None:
            row.state, row.connected_since, row.message = "disconnected", None, state.message
        elif row.state != "disconnected":
            row.state = "connected"
            row.connected_since = max(filter(None, (row.connected_since, state.connected_since)))
        row.last_event_at = max(filter(None, (row.last_event_at, state.last_event_at)), default=None)


def _add_queue(clusters: dict[str, ClusterStatus], rows: Q) -> None:
    waiting = Change.objects.filter(rows, listed_at__isnull=True).order_by().values("cluster", "kind")
    age = ExpressionWrapper(Now() - Min("noticed_at"), output_field=DurationField())
    counts = waiting.annotate(n=Count("pk"), first_load=Count("pk", filter=Q(background=True)), age=age)
    for row in counts:
        cluster = clusters[row["cluster"]]
        cluster.waiting += row["n"]
        cluster.first_load += row["first_load"]
        kind = cluster.of(row["kind"])
        kind.waiting, kind.lag = row["n"], max(NO_TIME, row["age"])


def _add_runs(clusters: dict[str, ClusterStatus], runs: Any) -> None:
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    newest = runs.annotate(took=took).order_by("cluster", "outcome", "-started_at", "-id")
    places = {
        SyncRun.Outcome.RUNNING: "running_full_sync",
        SyncRun.Outcome.COMPLETE: "last_full_sync",
        SyncRun.Outcome.FAILED: "failed_full_sync",
    }
    for run in newest.distinct("cluster", "outcome"):
        setattr(clusters[run.cluster], places[run.outcome], run)


def _latencies(names: list[str]) -> dict[str, Latency]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT cluster, count(*),
                percentile_cont(0.5) WITHIN GROUP (ORDER BY listed_at - noticed_at),
                percentile_cont(0.99) WITHIN GROUP (ORDER BY listed_at - noticed_at)
            FROM apis_change
            WHERE cluster = ANY(%s) AND listed_at > statement_timestamp() - interval '1 hour'
            GROUP BY cluster
            """,
            [names],
        )
        return {cluster: Latency(changes, p50, p99) for cluster, changes, p50, p99 in cursor.fetchall()}
