"""Every text that a person sees can be translated: no template holds one unmarked, and no page shows one unmarked."""

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.base import Lexer, Token, TokenType
from django.urls import reverse
from django.utils import translation
from django.utils.translation import trans_real

from apis.models import Document
from portal.accounts.events import WORDS as WORDS_OF_EVENTS
from portal.templatetags.portico import event_words
from tests import factories

APPS = ("portal", "apis", "subscriptions", "keymanager", "gateway")
TEMPLATES = Path(__file__).parents[2] / "templates"
# The design system's own page shows examples, to those who build the portal; the element opens a tag in parts.
NOT_FOR_PEOPLE = ("gallery", "allauth/elements/button.html")
SEEN = {"title", "aria-label", "aria-description", "alt", "placeholder", "data-th"}
# What these hold is code, or drawn.
CODE = {"script", "style", "pre", "code", "kbd", "svg"}
# Where a tag's own words are: the places of its arguments, and the names of others.
WORDS: dict[str, tuple[int, ...]] = {
    "act": (2,),
    "crumbs": tuple(range(1, 12)),
    "dialog": (2,),
    "firstof": tuple(range(1, 6)),
    "health": (2, 3),
    "include": (),
    "meter": (3,),
    "pill": (2,),
    "status_pill": (2,),
    "tab": (2,),
    "table": (1,),
    "tabs": (1,),
    "with": (),
}
NAMED = ("head", "keep", "label", "order", "text", "title", "verdict", "what", "why", "word")
# Names are the same in every language.
NAMES = {"Portico", "curl", "grpcurl"}
WORD = re.compile(r"[A-Za-z]{2,}")
INSTEAD = re.compile(r'\|(?:default|default_if_none|yesno):"([^"]*)"')
# What a tag shows of these is no text: ids and names of states, which are written small.
NO_TEXT = re.compile(r"state|receipt")


class Unmarked(HTMLParser):
    """Collects (line, text) of what a template shows as it stands; its tags were blanked out before."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._code: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag in CODE:
            self._code.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SEEN or (tag == "meta" and name == "content" and ("name", "description") in attrs):
                self._see(value or "")

    def handle_endtag(self, tag: str) -> None:
        if self._code and self._code[-1] == tag:
            self._code.pop()

    def handle_data(self, data: str) -> None:
        if not self._code:
            self._see(data)

    def _see(self, text: str) -> None:
        if set(WORD.findall(text)) - NAMES:
            self.found.append((self.getpos()[0], " ".join(text.split())))


def shown_by_tags(token: Token) -> Iterator[str]:
    """The words in the arguments of a tag or a variable that are not marked with _()."""
    if token.token_type is TokenType.VAR:
        yield from INSTEAD.findall(token.contents)
        return
    name, *_ = bits = token.split_contents()
    for place, bit in enumerate(bits):
        label, equals, value = bit.partition("=")
        if not (equals and label in NAMED):
            value = bit if place in WORDS.get(name, ()) else ""
        if value.startswith(('"', "'")) and not value[1:].startswith(("#", "?")):
            yield value.strip("\"'")
        yield from INSTEAD.findall(value)


def unmarked(source: str) -> Iterator[tuple[int, str]]:
    page, inside = "", ""
    for token in Lexer(source).tokenize():
        if token.token_type is TokenType.BLOCK:
            name = token.contents.split()[0]
            if name in {"blocktranslate", "comment"}:
                inside = f"end{name}"
            elif name == inside:
                inside = ""
        if token.token_type is TokenType.TEXT and not inside:
            page += token.contents
        elif token.token_type is not TokenType.COMMENT:
            lines = token.contents.count("\n") if token.token_type is TokenType.TEXT else 0
            page += " " + "\n" * lines
        if token.token_type in {TokenType.BLOCK, TokenType.VAR} and not inside:
            found = (
                word
                for word in shown_by_tags(token)
                if WORD.search(word) and word not in NAMES and not NO_TEXT.fullmatch(word)
            )
            yield from ((token.lineno, word) for word in found)
    parser = Unmarked()
    parser.feed(page)
    parser.close()
    yield from parser.found


def test_every_text_of_a_template_is_marked():
    found = []
    for path in sorted(TEMPLATES.rglob("*.*")):
        name = path.relative_to(TEMPLATES).as_posix()
        if not name.startswith(NOT_FOR_PEOPLE):
            found += [f"{name}:{line}: {text}" for line, text in unmarked(path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        '<a title="Hello" href="/"></a>',
        '{% pill "ok" "Hello" %}',
        '{% include "a.html" with title="Hello" %}',
        '{{ name|default:"Hello" }}',
    ],
)
def test_a_text_that_is_not_marked_is_found(source):
    assert list(unmarked(f"\n{source}")) == [(2, "Hello")]


@pytest.mark.parametrize(
    "source",
    [
        '<p class="row">{% translate "Hello" %} <code>curl</code></p>',
        "{% blocktranslate with name=a.b %}Hello <b>{{ name }}</b>{% endblocktranslate %}",
        '{% pill "ok" _("Hello") "clock" %}{{ name|default:_("Hello") }}',
    ],
)
def test_a_marked_text_passes(source):
    assert list(unmarked(source)) == []


def test_every_event_has_words():
    root = TEMPLATES.parent
    code = [path.read_text() for app in APPS for path in (root / app).rglob("*.py")]
    events = {event for text in code for event in re.findall(r'\brecord\(\s*"([a-z_]+)"', text)}
    assert events
    assert {event_words(event) for event in events} <= WORDS_OF_EVENTS


class Bracketed(gettext.NullTranslations):
    """A translation into a language that writes everything in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧" if message else ""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def to_language(self) -> str:
        return "xx"


@pytest.fixture
def _bracketed(monkeypatch) -> Iterator[None]:
    monkeypatch.setitem(trans_real._translations, "xx", Bracketed())
    with translation.override("xx"):
        yield


class Shown(Unmarked):
    """The same of a page: what stands outside of all brackets, which may hold elements."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def handle_data(self, data: str) -> None:
        outside = self._outside(data)
        if not self._code:
            self._see_words(outside)

    def _see(self, text: str) -> None:
        depth, self._depth = self._depth, 0
        self._see_words(self._outside(text))
        self._depth = depth

    def _outside(self, text: str) -> str:
        found = []
        for part in re.split("([⟦⟧])", text):
            self._depth += {"⟦": 1, "⟧": -1}.get(part, 0)
            found.append(" " if self._depth or part == "⟧" else part)
        return "".join(found)

    def _see_words(self, text: str) -> None:
        words = [word for word in text.split() if WORD.search(word) and not OWN.search(word)]
        self.found += [
            (self.getpos()[0], word) for word in words if word.strip(".,:;()“”") not in NAMES_SHOWN
        ]


# Addresses, ids, versions, methods and media types are nobody's language.
OWN = re.compile(r"[/_@\d=]|\w\.\w|-\w|^[A-Z]{2,}$")
NAMES_SHOWN = {
    *NAMES,
    "OpenAPI",
    "Python",
    "JavaScript",
    "Go",
    "Java",
    "PHP",
    "Ruby",
    "JSON",
    "YAML",
    "Ctrl",
    "ms",
    "min",
    "zakazy",
}
DEFINITION = """
openapi: 3.1.0
info: {title: Заказы, version: "1"}
paths:
  /zakazy:
    get: {operationId: listZakazy, summary: Все заказы, responses: {"204": {description: Пусто}}}
"""


@pytest.fixture
def pages(client_as, consumer) -> dict[str, str]:
    """What somebody whose own texts are all Cyrillic sees."""
    consumer.name = "Кора"
    consumer.save()
    team = consumer.memberships.get().team
    team.name = "Потребители"
    team.save()
    plan = factories.PlanFactory(name="Золото")
    owners = factories.TeamFactory(name="Издатели", slug="izdateli")
    version = factories.ApiVersionFactory(
        api=factories.ApiFactory(name="Заказы", summary="Все заказы", team=owners),
        operations=[("GET", "/zakazy", [])],
    )
    version.plans.add(plan)
    document = Document.objects.create(
        version=version, sha256="0" * 64, format="openapi-3.1", text=DEFINITION
    )
    version.document = document
    version.save()
    application = factories.ApplicationFactory(name="Магазин", team=team)
    factories.SubscriptionFactory(application=application, api=version.api, plan=plan, status="active")
    factories.KeyFactory(application=application, name="Ключ")
    reference = reverse("apis:reference", args=[version.api.slug, version.version])
    return {
        "landing": "/",
        "catalog": reverse("apis:catalog"),
        "nothing found": f"{reverse('apis:catalog')}?q=ничего",
        "api": version.get_absolute_url(),
        "plans": reverse("apis:plans", args=[version.api.slug, version.version]),
        "operation": f"{reference}listZakazy/",
        "home": reverse("gateway:home"),
        "applications": reverse("subscriptions:applications"),
        "application": application.get_absolute_url(),
        "register": reverse("subscriptions:register"),
        "missing": "/nothing/",
    }


@pytest.mark.usefixtures("_bracketed")
@pytest.mark.parametrize("who", ["consumer", None])
def test_a_page_in_another_language_has_no_english(client_as, consumer, pages, who):
    client = client_as(consumer if who else None)
    found = []
    for name, address in pages.items():
        page = Shown()
        page.feed(client.get(address, follow=True).content.decode())
        found += [f"{name}:{line}: {word}" for line, word in page.found]
    assert not found, "\n".join(found)
