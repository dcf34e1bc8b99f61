"""What is said to the person who asks: the link that refused, in plain words, and whether it would again."""

from dataclasses import dataclass, field, replace

from django.utils.translation import gettext

from apis.models import ApiVersion
from gateway.models import FailedCall
from gateway.targets.envoy.replies import BAD_PATH, REPLIES
from portal.accounts.models import Viewer
from portal.errors import NotFound
from portal.lazily import gettext_lazy as _

from .asked import Asked, read
from .chain import BAD, OK, REFUSED_BY, Link, links_of
from .subject import Subject, of_call, of_pasted

_REPLIES = {str(reply.reason): reply for reply in reversed(REPLIES)}
# What the gateway answers before its chain begins, and what comes of the API after it.
_BEFORE, _REQUEST, _API = {BAD_PATH, "bad_request", "too_large"}, _("The request"), _("The API itself")


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` as docs/reference/refusals.md names it, "" where nothing refuses. `now` is about a call made now."""

    title: str
    text: str
    links: list[Link]
    reason: str = ""
    remedy: str = ""
    now: str = ""
    call: FailedCall | None = None
    subject: Subject = field(default_factory=Subject)


def answer(text: str, *, by: Viewer) -> Answer:
    """Explain what was pasted. Changes nothing and keeps nothing.

    Raises Invalid where it cannot be read, and NotFound where the asker may not know of it.
    """
    asked = read(text)
    return _of_request(asked, by) if asked.request_id else about(of_pasted(asked, by), by)


def about(subject: Subject, by: Viewer) -> Answer:
    """Every check of a call as it would be answered now."""
    links = links_of(subject, by)
    refusing = _refusing(links)
    if refusing is None:
        text = gettext("Every check that the portal can look at holds now.")
        remedy = gettext("If a call is refused all the same, paste its request id.")
        return Answer(gettext("Nothing refuses this now"), text, links, remedy=remedy, subject=subject)
    title = _title(refusing.reason)
    return Answer(title, refusing.text, links, refusing.reason, refusing.remedy, subject=subject)


def _of_request(asked: Asked, by: Viewer) -> Answer:
    call = _call(asked.request_id, by)
    subject = of_call(call)
    if subject.version and not ApiVersion.objects.visible_to(by).filter(pk=subject.version.pk).exists():
        subject.version = subject.operation = None
    current = links_of(subject, by)
    other = _REQUEST if call.reason in _BEFORE else _API
    refuser = next((name for name, reasons in REFUSED_BY.items() if call.reason in reasons), other)
    links = _as_it_was(current, refuser, call)
    refused = next(link for link in links if link.state == BAD)
    return Answer(
        title=_title(call.reason)
        if call.reason
        else gettext("The API answered {status}").format(status=call.status),
        text=refused.text,
        links=links,
        reason=call.reason,
        remedy=refused.remedy,
        now="" if refuser in (_REQUEST, "Credential", _API) else _now(current),
        call=call,
        subject=subject,
    )


def _call(request_id: str, by: Viewer) -> FailedCall:
    """Whoever has the id of a call by nobody known may ask about it: it was in the answer, and nowhere else."""
    rows = FailedCall.objects.with_names().filter(request_id=request_id)
    mine = rows.visible_to(by) | rows.filter(series__application__isnull=True)
    found = mine.first()
    if found is None:
        raise NotFound(
            gettext(
                "No refused or failed call with this request id is known, or it is not yours to ask about."
            ),
            remedy=gettext(
                "A call shows here about a second after its answer. Calls that an API answered well are not kept."
            ),
        )
    return found


def _as_it_was(current: list[Link], refuser: str, call: FailedCall) -> list[Link]:
    """The chain at the time of the call: what came before the refusal was passed, what comes after was not reached."""
    links, reached = [], refuser != _REQUEST
    if not reached:
        links.append(_refusal(Link(_REQUEST, BAD, ""), call))
    for link in current:
        if link.name == refuser:
            links.append(_refusal(link, call))
            reached = False
        elif reached:
            text = link.text if link.state == OK else gettext("Passed.")
            links.append(Link(link.name, OK, text))
        else:
            links.append(Link(link.name, "idle", gettext("Not reached."), after=True))
    if reached:
        links.append(_refusal(Link(_API, BAD, ""), call))
    return links


def _refusal(link: Link, call: FailedCall) -> Link:
    """In the words of the check where it still holds, else in those of the gateway's answer."""
    if link.state == BAD and link.reason == call.reason and link.text:
        return link
    reply = _REPLIES.get(call.reason)
    if reply is None:
        text = gettext("It answered {status}; the gateway let the call through.").format(status=call.status)
        return replace(link, state=BAD, text=text, remedy=gettext("Ask the API’s team, with the request id."))
    return replace(link, state=BAD, reason=call.reason, text=reply.detail, remedy="")


def _now(current: list[Link]) -> str:
    refusing = _refusing(current)
    if refusing is None:
        return gettext("A call now passes every check that the portal can look at.")
    return gettext("A call now is refused, too: {text}").format(text=refusing.text)


def _refusing(links: list[Link]) -> Link | None:
    return next((link for link in links if link.state == BAD), None)


def _title(reason: str) -> str:
    reply = _REPLIES.get(str(reason))
    return reply.title if reply else "The caller left before an answer"
