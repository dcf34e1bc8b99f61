"""The three states of a version side by side: what is wanted, what the cluster says, what a probe saw. Never mixed."""

from dataclasses import dataclass
from typing import Protocol

from .models import ApiVersion, Publication

# Of everything that controllers report, these say whether the object was taken at all, in this order. Published is our own
# answer to the first pillar, and says nothing about the cluster.
TELLING = ("Accepted", "Programmed", "Ready")
WISHES = {
    Publication.DISCOVERED: ("info", "Waits for a publisher"),
    Publication.PUBLISHED: ("ok", "Published"),
    Publication.DEPRECATED: ("warn", "Deprecated"),
    Publication.BLOCKED: ("bad", "Blocked"),
    Publication.RETIRED: ("idle", "Retired"),
    Publication.REJECTED: ("bad", "Rejected"),
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
    "Live probe", "pulse", "idle", "Not probed", "No call was made", "Nothing is claimed without one"
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
    claim = f"{version.version}, {plans} plan{'' if plans == 1 else 's'}"
    if source:
        evidence = (
            f"{version.kind.rsplit('/', 1)[-1]} {version.object_path} · generation {version.generation}"
        )
    else:
        evidence = f"serves {' and '.join(version.base_urls) or 'no environment'}"
    return Pillar("Desired", "save", state, word, claim, evidence)


def observed(version: ApiVersion, *, source: bool) -> Pillar:
    name, icon = "In cluster", "cube"
    seen = f"seen {version.seen_at:%-d %b %H:%M:%S} UTC"
    if version.withdrawn_at:
        gone = f"since {version.withdrawn_at:%-d %b %H:%M:%S} UTC"
        return Pillar(name, icon, "bad", "Gone", "The object was deleted", gone)
    if version.stale:
        return Pillar(
            name, icon, "warn", "Stale", "Its newest state could not be read", f"last good state {seen}"
        )
    refused = next(
        (c for c in version.conditions if c.get("status") == "False" and c.get("type") in TELLING), None
    )
    if refused:
        message = refused.get("message") or refused.get("reason") or ""
        said = f"{refused['type']}=False {message}".strip()
        return Pillar(
            name, icon, "bad", refused.get("reason") or "Not accepted", "Refused", said if source else seen
        )
    accepted = next((c for kind in TELLING for c in version.conditions if c.get("type") == kind), None)
    if accepted and accepted.get("status") == "True":
        said = f"{accepted['type']}=True · {seen}"
        return Pillar(name, icon, "ok", accepted["type"], f"Generation {version.generation} observed", said)
    return Pillar(name, icon, "ok", "Present", f"Generation {version.generation} observed", seen)


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
    return {"state": wish.state, "text": "All three agree" if wish.state == "ok" else wish.word}
