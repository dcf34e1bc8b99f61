"""What a publisher may do to a version in each status: the words on the button and the page, and the action behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.lazily import gettext_lazy as _

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
        _("Publish"),
        _(
            "It comes into the catalog, the gateway lets subscribed calls through, and people can subscribe to its plans."
        ),
        _("is published"),
        frozenset({Publication.DISCOVERED, Publication.REJECTED}),
        actions.publish,
        keep=_("Not yet"),
    ),
    Step(
        "reject",
        _("Reject"),
        _("It stays out of the catalog. Its team sees the reason on the version's page."),
        _("is rejected"),
        frozenset({Publication.DISCOVERED}),
        actions.reject,
        ReasonForm,
    ),
    Step(
        "deprecate",
        _("Deprecate"),
        _(
            "It goes on working, but takes no new subscriptions. Everybody who sees it is told the day on which it stops."
        ),
        _("is deprecated"),
        frozenset({Publication.PUBLISHED}),
        actions.deprecate,
        DeprecateForm,
    ),
    Step(
        "republish",
        _("Undo the deprecation"),
        _("The day on which it stops and the successor are forgotten, and it takes new subscriptions again."),
        _("is published again"),
        frozenset({Publication.DEPRECATED}),
        actions.republish,
        keep=_("Keep it deprecated"),
    ),
    Step(
        "block",
        _("Block"),
        _("The gateway refuses every call to it until you unblock it. Subscriptions stay as they are."),
        _("is blocked"),
        frozenset({Publication.PUBLISHED}),
        actions.block,
        ReasonForm,
        danger=True,
    ),
    Step(
        "unblock",
        _("Unblock"),
        _("The gateway lets subscribed calls through again."),
        _("is published again"),
        frozenset({Publication.BLOCKED}),
        actions.unblock,
        keep=_("Keep it blocked"),
    ),
    Step(
        "retire",
        _("Retire"),
        _("The gateway refuses its calls from now on and it leaves the catalog. This cannot be undone."),
        _("is retired"),
        frozenset({Publication.DEPRECATED}),
        actions.retire,
        keep=_("Keep it deprecated"),
        danger=True,
    ),
)
STEPS: Mapping[str, Step] = {step.name: step for step in _STEPS}


def steps_from(status: str) -> list[Step]:
    return [step for step in _STEPS if status in step.statuses]
