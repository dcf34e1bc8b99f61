"""What is found everywhere: each app says what it has, and the palette asks them all.

Apps register in their `AppConfig.ready`, a lower one before those above it, so that none has to know another.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.urls import reverse

from portal.accounts.models import Viewer
from portal.lazily import gettext_lazy as _

# Of each kind of thing.
SHOWN = 6
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """One line. `method` is that of an operation; `form` is the id of the form that it sends, in place of an address.

    `dialog` names the dialog that opens where there is script; the address is for everybody else.
    """

    title: str
    url: str = ""
    note: str = ""
    icon: str = "right"
    method: str = ""
    form: str = ""
    dialog: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    hits: list[Hit]


# Answers with groups for a person and a text that is not empty, in a constant number of queries.
Finder = Callable[[Viewer, str], Iterable[Group]]


def signed_in(user: Viewer) -> bool:
    return user.is_authenticated


def signed_out(user: Viewer) -> bool:
    return not user.is_authenticated


def anybody(_: Viewer) -> bool:
    return True


def admin(user: Viewer) -> bool:
    return user.is_authenticated and user.is_admin


@dataclass(frozen=True, slots=True)
class Place:
    """A page, or with `action` something to do. `address` names a URL; `words` are what people also call it.

    `form` and `dialog` as of a Hit.
    """

    title: str
    address: str = ""
    icon: str = "right"
    words: str = ""
    seen: Callable[[Viewer], bool] = signed_in
    action: bool = False
    form: str = ""
    dialog: str = ""
    fragment: str = ""

    @property
    def hit(self) -> Hit:
        url = reverse(self.address) + self.fragment if self.address else ""
        return Hit(self.title, url, icon=self.icon, form=self.form, dialog=self.dialog)


_finders: list[Finder] = []
_places: list[Place] = []


def finds(finder: Finder) -> None:
    _finders.append(finder)


def offers(*places: Place) -> None:
    _places.extend(places)


def found(user: Viewer, text: str) -> list[Group]:
    """Groups with something in them. Without a text: the pages and actions of this person."""
    groups = [group for finder in _finders for group in finder(user, text)] if text else []
    wanted = re.findall(r"[^\W_]+", text.lower())
    places = (
        [place for place in _places if _fits(place, wanted) and place.seen(user)]
        if wanted or not text
        else []
    )
    own = [
        Group(_("Pages"), [place.hit for place in places if not place.action]),
        Group(_("Actions"), [place.hit for place in places if place.action]),
    ]
    # Who types how a page or an action is called means that, whatever else has the words.
    named = bool(text) and any(place.title.lower().startswith(text.lower()) for place in places)
    return [group for group in ([*own, *groups] if named else [*groups, *own]) if group.hits]


def _fits(place: Place, wanted: list[str]) -> bool:
    known = re.findall(r"[^\W_]+", f"{place.title} {place.words}".lower())
    return all(any(word.startswith(each) for word in known) for each in wanted)
