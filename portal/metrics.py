"""What Prometheus reads at /metrics: how the catalog follows its clusters, and how the gateway does."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from apis import sync_status
from apis.sync_status import ClusterStatus
from gateway.metrics import metrics as gateway_metrics
from portal.prometheus import CONTENT_TYPE, Metric, Sample, text_of


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has the token of the settings, and for admins; for others there is nothing here."""
    given = request.headers.get("Authorization", "")
    if given:
        if not _is_token(given):
            return HttpResponse(
                "The token is not that of PORTICO_METRICS_TOKEN.\n",
                status=401,
                content_type="text/plain",
                headers={"WWW-Authenticate": 'Bearer realm="metrics", error="invalid_token"'},
            )
    elif not (request.user.is_authenticated and request.user.is_admin):
        raise Http404
    everything = [*sync_metrics(sync_status.of_all()), *gateway_metrics()]
    answer = HttpResponse(text_of(everything), content_type=CONTENT_TYPE)
    answer["Cache-Control"] = "no-store"
    return answer


def _is_token(header: str) -> bool:
    scheme, _, token = header.partition(" ")
    known = settings.METRICS_TOKEN
    return bool(known) and scheme.lower() == "bearer" and constant_time_compare(token.strip(), known)


def sync_metrics(clusters: list[ClusterStatus]) -> list[Metric]:
    now = timezone.now()
    return [
        Metric(f"portico_sync_{name}", help_text, samples)
        for name, help_text, samples in (
            (
                "connected",
                "Whether a kind that the cluster serves is watched now.",
                _connected(clusters),
            ),
            ("lag_seconds", "Age of the oldest change that is not in the catalog yet.", _lags(clusters)),
            ("objects", "Objects that were read.", _counts(clusters, "objects")),
            ("problems", "Problems of objects that could not be read.", _counts(clusters, "problems")),
            ("queue", "Changes that wait; in the background those that a full sync found.", _queue(clusters)),
            (
                "full_sync_age_seconds",
                "Time since the last complete full sync ended.",
                _full_sync_ages(clusters, now),
            ),
            ("full_sync_seconds", "How long the last complete full sync took.", _full_sync_times(clusters)),
            (
                "apply_to_listed_seconds",
                "From a change noticed to the change in the catalog, in the last hour.",
                _latencies(clusters),
            ),
        )
    ]


def _connected(clusters: list[ClusterStatus]) -> Iterator[Sample]:
    for cluster in clusters:
        for row in cluster.watched:
            yield Sample({"cluster": cluster.name, "kind": row.kind}, int(row.state == "connected"))


def _lags(clusters: list[ClusterStatus]) -> Iterator[Sample]:
    for cluster in clusters:
        for row in cluster.present:
            yield Sample(
                {"cluster": cluster.name, "kind": row.kind}, row.lag.total_seconds() if row.lag else 0
            )


def _counts(clusters: list[ClusterStatus], what: str) -> Iterator[Sample]:
    for cluster in clusters:
        for row in cluster.present:
            yield Sample({"cluster": cluster.name, "kind": row.kind}, getattr(row, what))


def _queue(clusters: list[ClusterStatus]) -> Iterator[Sample]:
    for cluster in clusters:
        yield Sample({"cluster": cluster.name, "background": "false"}, cluster.waiting - cluster.first_load)
        yield Sample({"cluster": cluster.name, "background": "true"}, cluster.first_load)


def _full_sync_ages(clusters: list[ClusterStatus], now: datetime) -> Iterator[Sample]:
    for cluster in clusters:
        run = cluster.last_full_sync
        if run and run.finished_at:
            yield Sample({"cluster": cluster.name}, (now - run.finished_at).total_seconds())


def _full_sync_times(clusters: list[ClusterStatus]) -> Iterator[Sample]:
    for cluster in clusters:
        run = cluster.last_full_sync
        if run and run.finished_at:
            yield Sample({"cluster": cluster.name}, (run.finished_at - run.started_at).total_seconds())


def _latencies(clusters: list[ClusterStatus]) -> Iterator[Sample]:
    for cluster in clusters:
        if cluster.latency:
            for quantile, value in (("0.5", cluster.latency.p50), ("0.99", cluster.latency.p99)):
                yield Sample({"cluster": cluster.name, "quantile": quantile}, value.total_seconds())
