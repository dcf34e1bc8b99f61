"""The three states of a version side by side: what is wanted, what the cluster says, what a probe saw. Never mixed."""

from dataclasses import dataclass
from typing import Protocol

from django.utils import dateformat
from django.utils.translation import gettext, ngettext

from portal.lazily import gettext_lazy as _

from .models import ApiVersion, Publication

# Of everything that controllers report, these say whether the object was taken at all, in this order. Published is our own
# answer to the first pillar, and says nothing about the cluster.
TELLING = ("Accepted", "Programmed", "Ready")
WISHES = {
    Publication.DISCOVERED: ("info", _("Waits for a publisher")),
    Publication.PUBLISHED: ("ok", _("Published")),
    Publication.DEPRECATED: ("warn", _("Deprecated")),
    Publication.BLOCKED: ("bad", _("Blocked")),
    Publication.RETIRED: ("idle", _("Retired")),
    Publication.REJECTED: ("bad", _("Rejected")),
}


@dataclass(frozen=True, slots=True)
class Pillar:
    """One of the three: `state` is ok, warn, bad, info or idle; `word` its pill, `claim` and `evidence` what stands below."""

    name: str
    icon: str
    state: str
    word: str
    claim: str
    evidence: str


NOT_PROBED = Pillar(
    _("Live probe"),
    "pulse",
    "idle",
    _("Not probed"),
    _("No call was made"),
    _("Nothing is claimed without one"),
)


class Probe(Protocol):
    """Answers the third pillar of a version; `source`: the person may see why something is wrong."""

    def __call__(self, version: ApiVersion, *, source: bool) -> Pillar: ...


# Set once by the app that makes the calls, which lies above this one. Without it nothing is claimed.
_probes: list[Probe] = []


def probed_by(probe: Probe) -> None:
    _probes[:] = [probe]


def pillars(version: ApiVersion, *, source: bool) -> list[Pillar]:
    """`source`: the person may see which object it is and what its controllers say, word for word."""
    live = _probes[0](version, source=source) if _probes else NOT_PROBED
    return [desired(version, source=source), observed(version, source=source), live]


def desired(version: ApiVersion, *, source: bool) -> Pillar:
    state, word = WISHES[Publication(version.status)]
    plans = len([plan for plan in version.plans.all() if plan.withdrawn_at is None])
    claim = ngettext("{version}, {plans} plan", "{version}, {plans} plans", plans).format(
        version=version.version, plans=plans
    )
    if source:
        evidence = gettext("{kind} {object_path} · generation {generation}").format(
            kind=version.kind.rsplit("/", 1)[-1],
            object_path=version.object_path,
            generation=version.generation,
        )
    else:
        evidence = (
            gettext("serves {environments}").format(environments=gettext(" and ").join(version.base_urls))
            if version.base_urls
            else gettext("serves no environment")
        )
    return Pillar(gettext("Desired"), "save", state, word, claim, evidence)


def observed(version: ApiVersion, *, source: bool) -> Pillar:
    name, icon = gettext("In cluster"), "cube"
    seen = gettext("seen {seen_at} UTC").format(seen_at=dateformat.format(version.seen_at, "j M H:i:s"))
    if version.withdrawn_at:
        gone = gettext("since {withdrawn_at} UTC").format(
            withdrawn_at=dateformat.format(version.withdrawn_at, "j M H:i:s")
        )
        return Pillar(name, icon, "bad", gettext("Gone"), gettext("The object was deleted"), gone)
    if version.stale:
        return Pillar(
            name,
            icon,
            "warn",
            gettext("Stale"),
            gettext("Its newest state could not be read"),
            gettext("last good state {seen}").format(seen=seen),
        )
    refused = next(
        (c for c in version.conditions if c.get("status") == "False" and c.get("type") in TELLING), None
    )
    if refused:
        message = refused.get("message") or refused.get("reason") or ""
        said = f"{refused['type']}=False {message}".strip()
        return Pillar(
            name,
            icon,
            "bad",
            refused.get("reason") or gettext("Not accepted"),
            gettext("Refused"),
            said if source else seen,
        )
    accepted = next((c for kind in TELLING for c in version.conditions if c.get("type") == kind), None)
    if accepted and accepted.get("status") == "True":
        said = f"{accepted['type']}=True · {seen}"
        return Pillar(
            name,
            icon,
            "ok",
            accepted["type"],
            gettext("Generation {generation} observed").format(generation=version.generation),
            said,
        )
    return Pillar(
        name,
        icon,
        "ok",
        gettext("Present"),
        gettext("Generation {generation} observed").format(generation=version.generation),
        seen,
    )


def verdict(shown: list[Pillar]) -> dict[str, str]:
    """One sentence over the three. What was seen decides; where it fits, the wish is named, and whether a probe saw it."""
    wish, seen, live = shown
    for pillar in (seen, live):
        if pillar.state in {"bad", "warn"}:
            return {"state": pillar.state, "text": f"{pillar.name}: {pillar.word.lower()}"}
    if live.state == "idle":
        return {
            "state": "idle" if wish.state == "ok" else wish.state,
            "text": f"{wish.word}; {live.word.lower()}",
        }
    return {"state": wish.state, "text": gettext("All three agree") if wish.state == "ok" else wish.word}
