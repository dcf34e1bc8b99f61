"""When it is called: calls by weekday and hour, as squares that are darker where there are more."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from gateway.models import CallSeries, HourCalls
from portal.lazily import gettext_lazy as _

from .reports import named

DAYS = 14
LEVELS = 5
NAMES = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
_LEFT, _STEP, _ROW = 34, 23.6, 26


@dataclass(frozen=True, slots=True)
class Heat:
    """Calls of the last 14 days by weekday (Monday is 0) and hour, in the person's zone, which `zone` names."""

    calls: list[list[int]]
    zone: str

    @property
    def most(self) -> int:
        return max(max(hours) for hours in self.calls)

    @property
    def days(self) -> list[tuple[str, list[int]]]:
        return list(zip(NAMES, self.calls, strict=True))

    @property
    def sentence(self) -> str:
        """What the squares say, for whoever does not see them."""
        if not self.most:
            return gettext("Calls by weekday and hour in the last {days} days: none.").format(days=DAYS)
        day, hour = max(
            ((day, hour) for day in range(7) for hour in range(24)), key=lambda at: self.calls[at[0]][at[1]]
        )
        return gettext(
            "Calls by weekday and hour in the last {days} days, {zone}. Busiest: {names} from {hour:02}:00 to {hour2:02}:00 with {most:,} calls."
        ).format(
            days=DAYS, zone=self.zone, names=NAMES[day], hour=hour, hour2=(hour + 1) % 24, most=self.most
        )

    def level(self, calls: int) -> int:
        """0 for none, 1 to 5 for a fifth of the most each."""
        return -(-calls * LEVELS // self.most) if calls else 0

    def drawn(self) -> SafeString:
        squares = (
            (self.level(calls), round(_LEFT + _STEP * hour, 1), _ROW * day)
            for day, hours in enumerate(self.calls)
            for hour, calls in enumerate(hours)
        )
        return format_html(
            '<svg class="heat" viewBox="0 0 600 206" role="img" aria-label="{}">{}{}{}</svg>',
            self.sentence,
            format_html_join(
                "",
                '<text class="ax" x="0" y="{}">{}</text>',
                ((16 + _ROW * n, day) for n, day in enumerate(NAMES)),
            ),
            format_html_join(
                "", '<rect class="h{}" x="{}" y="{}" width="21.6" height="24" rx="2"/>', squares
            ),
            format_html_join(
                "",
                '<text class="ax" x="{}" y="200">{}</text>',
                ((round(_LEFT + _STEP * hour, 1), f"{hour:02}") for hour in range(0, 24, 3)),
            ),
        )


def heat_of(series: QuerySet[CallSeries]) -> Heat:
    """One query. An hour that straddles two of the zone's counts as the one it begins in."""
    now = timezone.now()
    rows = HourCalls.objects.filter(series__in=named(series), at__gt=now - dt.timedelta(days=DAYS)).order_by()
    calls = [[0] * 24 for _ in NAMES]
    for at, n in rows.values_list("at").annotate(n=Sum("calls")):
        here = timezone.localtime(at)
        calls[here.weekday()][here.hour] += n
    return Heat(calls, timezone.get_current_timezone_name())
