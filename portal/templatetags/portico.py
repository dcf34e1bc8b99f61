"""The small parts every page is made of: icons, states, names, times, addresses."""

import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils import dateformat, timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from portal import markdown as markdown_text
from portal.accounts.roles import Permission
from portal.lazily import gettext_lazy
from portal.zones import zone_name

register = template.Library()

# The look of each status of architecture section 3, and of hops and runs: state word and icon.
LOOKS: Mapping[str, tuple[str, str]] = {
    # publication
    "discovered": ("info", "clock"),
    "published": ("ok", "ok"),
    "deprecated": ("warn", "clock"),
    "retired": ("idle", "idle"),
    "blocked": ("bad", "bad"),
    "stale": ("warn", "warn"),
    "withdrawn": ("warn", "warn"),
    # subscriptions and their approvals
    "pending": ("info", "clock"),
    "active": ("ok", "ok"),
    "approved": ("ok", "ok"),
    "rejected": ("bad", "bad"),
    "suspended": ("warn", "warn"),
    "change_pending": ("info", "clock"),
    "cancelled": ("idle", "idle"),
    "expired": ("idle", "idle"),
    # credentials
    "retiring": ("info", "clock"),
    "revoked": ("idle", "idle"),
    # hops of a receipt, passes over the cluster
    "done": ("ok", "ok"),
    "enforced": ("ok", "ok"),
    "running": ("info", "clock"),
    "waiting": ("idle", "idle"),
    "failed": ("bad", "bad"),
    "succeeded": ("ok", "ok"),
    "partial": ("warn", "warn"),
}
STATE_ICONS = {"ok": "ok", "warn": "warn", "bad": "bad", "info": "info", "idle": "idle"}
# Health differs in shape as well as colour: circle, triangle, square, ring.
_HEALTH_SHAPES = {
    "ok": '<circle cx="5" cy="5" r="4"/>',
    "warn": '<path d="M5 .8 9.500 9H.5z"/>',
    "bad": '<path d="M1 1h8v8H1z"/>',
    "idle": '<circle cx="5" cy="5" r="3.200" fill="none" stroke="currentColor" stroke-width="1.800"/>',
}
_VERB_STATES = {"GET": "info", "HEAD": "info", "POST": "ok", "PUT": "warn", "PATCH": "warn", "DELETE": "bad"}


# ---- icons and states ---------------------------------------------------------------------------------------------
@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, size: str = "") -> SafeString:
    """One symbol of static/icons.svg, hidden from assistive technology: words beside it say the same."""
    return format_html(
        '<svg class="i{}" viewBox="0 0 16 16" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        f" {size}" if size else "",
        static("icons.svg"),
        name,
    )


@register.simple_tag
def pill(state: str, label: str, icon_name: str = "") -> SafeString:
    """A state word (ok warn bad info idle) with an icon and what it means here."""
    return format_html(
        '<span class="pill {}">{}{}</span>', state, icon(icon_name or STATE_ICONS.get(state, "idle")), label
    )


@register.simple_tag
def status_pill(status: object, label: str = "") -> SafeString:
    """The pill of a model's status; its label is the choice's own unless another is given."""
    state, icon_name = LOOKS.get(str(status), ("idle", "idle"))
    return pill(state, label or _status_label(status), icon_name)


def _status_label(status: object) -> str:
    return str(getattr(status, "label", "") or _(str(status).replace("_", " ").capitalize()))


@register.filter
def state(status: object) -> str:
    """The state word of a status, for a class on a row, a hop or a timeline entry."""
    return LOOKS.get(str(status), ("idle", "idle"))[0]


@register.filter
def state_icon(status: object) -> str:
    """The icon name of a status."""
    return LOOKS.get(str(status), ("idle", "idle"))[1]


@register.filter
def level_state(level_tag: str) -> str:
    """The state word of a Django message level: success ok, warning warn, error bad, the rest info."""
    return {"success": "ok", "warning": "warn", "error": "bad"}.get(level_tag, "info")


@register.filter
def level_word(level: str) -> str:
    """`breaking`, `risky` or `safe` by itself."""
    return _LEVELS.get(level, level)


# What a change of a definition means to callers: state word and icon.
_CHANGES = {"breaking": ("bad", "bad"), "risky": ("warn", "warn"), "safe": ("ok", "ok")}
_LEVELS = {"breaking": gettext_lazy("Breaking"), "risky": gettext_lazy("Risky"), "safe": gettext_lazy("Safe")}
_COUNTED = {
    "breaking": gettext_lazy("{count:,} breaking"),
    "risky": gettext_lazy("{count:,} risky"),
    "safe": gettext_lazy("{count:,} safe"),
}


@register.simple_tag
def change_pill(level: str, count: int | None = None) -> SafeString:
    """The level of a change, or with `count` how many there are of it."""
    state_word, icon_name = _CHANGES.get(level, ("idle", "idle"))
    label = _LEVELS.get(level, level) if count is None else _COUNTED.get(level, "{count}").format(count=count)
    return pill(state_word, label, icon_name)


@register.simple_tag
def health(state: str, word: str, detail: str = "") -> SafeString:
    """What the last probe saw, as a shape, a word and a number."""
    shape = mark_safe(_HEALTH_SHAPES.get(state, _HEALTH_SHAPES["idle"]))  # noqa: S308  our own constants
    return format_html(
        '<span class="health {}"><svg viewBox="0 0 10 10" aria-hidden="true">{}</svg><span><b>{}</b>{}{}</span></span>',
        state,
        shape,
        word,
        " " if detail else "",
        detail,
    )


@register.simple_tag
def verb(method: str) -> SafeString:
    """An operation's method; channel actions and GraphQL kinds come out quiet."""
    return format_html(
        '<span class="verb {}">{}</span>', _VERB_STATES.get(method.upper(), "idle"), method.upper()
    )


@register.simple_tag
def meter(used: float, limit: float, label: str) -> SafeString:
    """How much of a limit is used, as a bar. It turns amber from 80 percent, red when nothing is left."""
    percent = min(100, round(100 * used / limit)) if limit else 0
    state_word = "bad" if percent >= 100 else "warn" if percent >= 80 else ""
    return format_html(
        '<svg class="quota {}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect width="{}" height="6"/></svg>',
        state_word,
        label,
        percent,
    )


# ---- names --------------------------------------------------------------------------------------------------------
@register.filter
def initials(name: object) -> str:
    """A person's letters: `Mara Lindqvist` ML, `mara@example.com` M, and ? for nobody."""
    words = _words(str(name).split("@", 1)[0])
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


@register.filter
def tint(name: object) -> str:
    """One of six monogram colours, always the same for the same name."""
    return f"m{zlib.crc32(str(name).encode()) % 6 + 1}"


@register.simple_tag
def monogram(name: object, size: str = "", *, who: bool = False) -> SafeString:
    """The square of an API, application or team, or with `who` the circle of a person. Decoration only."""
    classes = " ".join(filter(None, ["mg", tint(name), size, "who" if who else ""]))
    letters = initials(name) if who else "".join(_words(str(name))[:1])[:2].capitalize() or "?"
    return format_html('<span class="{}" aria-hidden="true">{}</span>', classes, letters)


# ---- numbers and times --------------------------------------------------------------------------------------------
@register.filter
def utc(moment: datetime | None) -> str:
    """`23 Nov 2026, 14:02:31 UTC`, or a dash."""
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC" if moment else "—"


@register.filter
def local(moment: datetime | None) -> str:
    """`23 Nov 2026, 15:02:31 CET`: in the person's zone, which it names; a dash for none."""
    if not moment:
        return "—"
    here = timezone.localtime(moment)
    return f"{dateformat.format(here, 'j M Y, H:i:s')} {zone_name(here)}"


@register.filter
def clock(moment: datetime | None) -> str:
    """`14:01:52.317` in UTC, for machine times beside each other, or a dash."""
    return f"{moment.astimezone(UTC):%H:%M:%S.%f}"[:-3] if moment else "—"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long since, or until, in the largest whole unit: `4 s ago`, `in 3 h`, `2 d ago`; then the date."""
    if not moment:
        return _("never")
    gap = timezone.now() - moment
    span = _span(abs(gap))
    if not span:
        return dateformat.format(timezone.localtime(moment), "j M Y")
    return (_("{span} ago") if gap >= timedelta(0) else _("in {span}")).format(span=span)


def _span(gap: timedelta) -> str:
    seconds = int(gap.total_seconds())
    for size, unit, below in (
        (1, "s", 60),
        (60, "min", 3600),
        (3600, "h", 172_800),
        (86_400, "d", 2_592_000),
    ):
        if seconds < below:
            return f"{seconds // size} {unit}"
    return ""


@register.simple_tag
def when(moment: datetime | None) -> SafeString:
    """A time element that reads as `ago` and shows the exact time on hover, in the person's zone."""
    if not moment:
        return format_html('<span class="t3">{}</span>', _("never"))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(),
        local(moment),
        ago(moment),
    )


@register.filter
def ms(value: float | timedelta | None) -> str:
    """Milliseconds with their unit, `1,041 ms`; takes a number of them or a timedelta."""
    if not isinstance(value, int | float | timedelta):
        return "—"
    number = value.total_seconds() * 1000 if isinstance(value, timedelta) else value
    return f"{number:,.0f} ms"


@register.filter
def lasting(gap: timedelta | None) -> str:
    """How long: `0.4 s` below ten seconds, then the largest whole unit, or a dash."""
    if gap is None:
        return "—"
    seconds = gap.total_seconds()
    return f"{seconds:.1f} s" if seconds < 10 else _span(gap) or f"{gap.days} d"


# ---- text ---------------------------------------------------------------------------------------------------------
@register.filter
def markdown(text: str | None) -> SafeString:
    """Publishers' Markdown as safe HTML; see portal/markdown.py for what is kept."""
    return mark_safe(markdown_text.render(text or ""))  # noqa: S308  cleaned by nh3


@register.filter
def ticks(text: str) -> SafeString:
    """A sentence of ours with `names` in backticks, as text and code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if odd % 2 else part,) for odd, part in parts)
    )


# ---- addresses ----------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def without(context: template.Context, name: str, value: object = None) -> str:
    """This page's address without one filter value (or without all of `name`), back on the first page."""
    kept = [
        (key, item)
        for key, items in context["request"].GET.lists()
        for item in items
        if key not in {"page", "cursor"} and not (key == name and (value is None or item == str(value)))
    ]
    return f"?{urlencode(kept)}"


@register.simple_tag(takes_context=True)
def page_address(context: template.Context, number: int, name: str = "") -> str:
    """This page's address with another page of a list; `name` as in portal.listing.pager."""
    params = context["request"].GET.copy()
    params[name or "page"] = str(number)
    return f"?{params.urlencode()}"


@register.simple_tag(takes_context=True)
def here(context: template.Context, address: str, *, below: bool = False, also: str = "") -> SafeString:
    """`aria-current` when this page is `address`, or with `below` lies under it, or under one of `also` (words)."""
    request = context.get("request")
    path = request.path if request else ""
    if path == address:
        return mark_safe(' aria-current="page"')
    if (below and address != "/" and path.startswith(address)) or path.startswith(tuple(also.split())):
        return mark_safe(' aria-current="true"')
    return mark_safe("")


# ---- parts with a body --------------------------------------------------------------------------------------------
@register.simple_tag
def crumbs(*steps: str) -> SafeString:
    """`{% crumbs "Catalog" url "Payments" %}`: pairs of label and address, then the label of this page."""
    pairs = zip(steps[:-1:2], steps[1::2], strict=False)
    links = format_html_join("", '<li><a href="{1}">{0}</a></li>', pairs)
    return format_html(
        '<nav class="crumbs" aria-label="{}"><ol>{}<li aria-current="page">{}</li></ol></nav>',
        _("Breadcrumb"),
        links,
        steps[-1],
    )


@register.simple_block_tag
def tabs(content: str, label: str) -> SafeString:
    """Round `{% tab %}`s: every tab is a link with an address of its own."""
    return format_html('<nav class="tabs" aria-label="{}"><ul>{}</ul></nav>', label, content)


@register.simple_tag(takes_context=True)
def tab(
    context: template.Context,
    address: str,
    label: str,
    count: int | None = None,
    *,
    current: bool | None = None,
) -> SafeString:
    """One tab; it is the current one when its address is this page's, unless `current` decides."""
    mark = here(context, address) if current is None else mark_safe(' aria-current="page"' if current else "")  # noqa: S308
    number = format_html(' <span class="count">{}</span>', count) if count is not None else ""
    return format_html('<li><a href="{}"{}>{}{}</a></li>', address, mark, label, number)


@register.simple_block_tag
def dialog(content: str, name: str, title: str) -> SafeString:
    """A dialog that opens at `#name`: by address without script, modally with it. Close links carry data-close."""
    return format_html(
        '<dialog class="dlg" id="{0}" aria-labelledby="{0}-h"><header><h2 id="{0}-h">{1}</h2>'
        '<a class="icon-btn sm" href="#main" data-close aria-label="{4}">{2}</a></header>{3}</dialog>',
        name,
        title,
        icon("x"),
        content,
        _("Close"),
    )


@register.simple_block_tag
def table(content: str, label: str, kind: str = "") -> SafeString:
    """A table in a region that scrolls by itself and can be reached by keyboard; its section may have the same name."""
    return format_html(
        '<div class="tbl-wrap" role="region" tabindex="0" aria-label="{}"><table class="{}">{}</table></div>',
        _("{label}, table").format(label=label),
        f"tbl {kind}".strip(),
        content,
    )


# ---- words --------------------------------------------------------------------------------------------------------
@register.filter
def event_words(event: str) -> str:
    """`subscription_approved` as `Subscription approved`."""
    return _(event.replace("_", " ").capitalize())


@register.filter
def event_status(event: str) -> str:
    """The status that an event led to, where its last word is one: `subscription_approved` is `approved`."""
    status = event.rsplit("_", 1)[-1]
    return status if status in LOOKS else "waiting"


@register.filter
def names(permissions: Iterable[Permission]) -> set[str]:
    """The names of permissions, for `{% if "SUBSCRIBE" in permissions|names %}`."""
    return {permission.name for permission in permissions}


@register.filter
def equals(value: object, other: object) -> bool:
    """For arguments of tags, which take no expressions."""
    return value == other
