"""Usage for people: what went through the gateway, as charts, tables and CSV, and the calls that failed."""

import csv
import io
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apis.models import Environment
from portal.accounts.people import person
from portal.htmx import wants_part
from portal.listing import page_of, pager

from ..models import CallSeries, FailedCall, LogPosition
from ..usage import charts, reports
from ..usage.heat import heat_of
from ..usage.marks import quota_marks
from ..usage.quotas import Standing, standings
from ..usage.ranges import RANGES, range_of
from ..usage.reports import Report
from ..usage.scopes import Scope, choices, scope_of

QUOTAS_SHOWN = 8


@login_required
@require_GET
def usage(request: HttpRequest) -> HttpResponse:
    scope, report = _asked(request)
    context = {
        "scope": scope,
        "report": report,
        "choices": choices(person(request)),
        "ranges": RANGES.values(),
        "environments": Environment.choices,
        "environment": request.GET.get("environment", ""),
        "quotas": _quotas(scope),
        "failed": FailedCall.objects.filter(series__in=scope.series).with_names()[:5],
        "counted": LogPosition.objects.current(),
        "chart": _charts(scope, report),
        "heat": heat_of(_series(request, scope)),
        "hours": [f"{hour:02}" for hour in range(24)],
    }
    template = "gateway/usage.html"
    return render(request, f"{template}#usage" if wants_part(request) else template, context)


@login_required
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """The numbers behind the page's first chart."""
    scope, report = _asked(request)
    text = io.StringIO()
    csv.writer(text).writerows(reports.csv_rows(report))
    name = f"usage-{scope.value}-{report.range.slug}-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


@login_required
@require_GET
def failed_calls(request: HttpRequest) -> HttpResponse:
    """The last refused and failed calls, the newest first."""
    scope = scope_of(person(request), request.GET.get("of", ""))
    rows = FailedCall.objects.filter(series__in=scope.series).with_names()
    if reason := request.GET.get("reason", ""):
        rows = rows.filter(reason=reason)
    context = {
        "scope": scope,
        "choices": choices(person(request)),
        "reason": reason,
        "reasons": reports.REASONS,
        **pager(page_of(request, rows, known=min(rows.count(), 2000))),
    }
    return render(request, "gateway/failed_calls.html", context)


def _asked(request: HttpRequest) -> tuple[Scope, Report]:
    """What the address asks for. Raises NotFound for calls that the person may not see."""
    scope = scope_of(person(request), request.GET.get("of", ""))
    return scope, reports.report(_series(request, scope), range_of(request.GET.get("range")), by=scope.by)


def _series(request: HttpRequest, scope: Scope) -> QuerySet[CallSeries]:
    environment = request.GET.get("environment", "")
    return (
        scope.counted.filter(environment=environment) if environment in Environment.values else scope.counted
    )


def _quotas(scope: Scope) -> list[Standing]:
    """Those with the least left; of very many, of the first by name."""
    limited = scope.subscriptions.filter(plan__quota_requests__isnull=False)
    rows = limited.select_related("application__team", "api", "plan", "requested_plan").order_by(
        "application__name", "api__name"
    )
    return sorted(standings(rows[:500]), key=lambda standing: -standing.percent)[:QUOTAS_SHOWN]


def _charts(scope: Scope, report: Report) -> dict[str, Any]:
    """Both drawings of the first chart, the bars, and what they say in a sentence."""
    marks = quota_marks(scope, report.starts[0])
    sentence = charts.sentence(report, marks)
    arguments = report.points, report.starts, report.range
    return {
        "sentence": sentence,
        "wide": charts.lines(*arguments, charts.WIDE, sentence, marks),
        "narrow": charts.lines(*arguments, charts.NARROW, sentence, marks),
        "bars": charts.bars(report.classes, report.starts, report.range, charts.classes_sentence(report)),
        "legend": list(zip(report.points, charts.COLOURS, strict=False)),
        "class_names": [charts.class_name(found) for found in report.classes],
        "classes": [(charts.class_name(found), charts.CLASS_COLOURS[found]) for found in report.classes],
        "table": [
            (charts.moment(start, report.range, full=True), [points[n] for points in report.points.values()])
            for n, start in enumerate(report.starts)
        ],
        "class_table": [
            (charts.moment(start, report.range, full=True), [points[n] for points in report.classes.values()])
            for n, start in enumerate(report.starts)
        ],
    }
