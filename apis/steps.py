"""What a publisher may do to a version in each status: the words on the button and the page, and the action behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import actions
from .forms import Decision, DeprecateForm, NoteForm, ReasonForm
from .models import ApiVersion, Publication


@dataclass(frozen=True, slots=True)
class Step:
    """`done` completes "<version> …." and `danger` marks what cannot be undone."""

    name: str
    label: str
    text: str
    done: str
    statuses: frozenset[Publication]
    action: Callable[..., ApiVersion]
    form: type[Decision] = NoteForm
    keep: str = "Leave it as it is"
    danger: bool = False


_STEPS = (
    Step(
        "publish",
        "Publish",
        "It comes into the catalog, the gateway lets subscribed calls through, and people can subscribe to its plans.",
        "is published",
        frozenset({Publication.DISCOVERED, Publication.REJECTED}),
        actions.publish,
        keep="Not yet",
    ),
    Step(
        "reject",
        "Reject",
        "It stays out of the catalog. Its team sees the reason on the version's page.",
        "is rejected",
        frozenset({Publication.DISCOVERED}),
        actions.reject,
        ReasonForm,
    ),
    Step(
        "deprecate",
        "Deprecate",
        "It goes on working, but takes no new subscriptions. Everybody who sees it is told the day on which it stops.",
        "is deprecated",
        frozenset({Publication.PUBLISHED}),
        actions.deprecate,
        DeprecateForm,
    ),
    Step(
        "republish",
        "Undo the deprecation",
        "The day on which it stops and the successor are forgotten, and it takes new subscriptions again.",
        "is published again",
        frozenset({Publication.DEPRECATED}),
        actions.republish,
        keep="Keep it deprecated",
    ),
    Step(
        "block",
        "Block",
        "The gateway refuses every call to it until you unblock it. Subscriptions stay as they are.",
        "is blocked",
        frozenset({Publication.PUBLISHED}),
        actions.block,
        ReasonForm,
        danger=True,
    ),
    Step(
        "unblock",
        "Unblock",
        "The gateway lets subscribed calls through again.",
        "is published again",
        frozenset({Publication.BLOCKED}),
        actions.unblock,
        keep="Keep it blocked",
    ),
    Step(
        "retire",
        "Retire",
        "The gateway refuses its calls from now on and it leaves the catalog. This cannot be undone.",
        "is retired",
        frozenset({Publication.DEPRECATED}),
        actions.retire,
        keep="Keep it deprecated",
        danger=True,
    ),
)
STEPS: Mapping[str, Step] = {step.name: step for step in _STEPS}


def steps_from(status: str) -> list[Step]:
    return [step for step in _STEPS if status in step.statuses]
