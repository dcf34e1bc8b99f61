"""Why an API was found: the words, marked where they stand, and what of it has them where the card does not show it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F, Q
from django.db.models.functions import Left
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from .catalog import INDEXED_TEXT
from .models import Api, DocsPage, Operation

# Words of fewer letters tell nothing.
TELLING = 3
# Letters that are shown around a word, and pages of documentation that are looked at for one page of the catalog.
BEFORE, AFTER, MOST_PAGES = 50, 90, 100
_ENDING = re.compile(r"(?:ies|ing|ed|es|s|e|y)$")


@dataclass(frozen=True, slots=True)
class Evidence:
    """`label` says what it is a part of: an operation, a schema."""

    label: str
    text: SafeString


class Marks:
    """Words as they were meant (`search.Match.meant`). English endings count for nothing, as in the search itself."""

    def __init__(self, meant: Sequence[Sequence[str]]) -> None:
        self.roots = [[_root(form) for form in forms] for forms in meant]
        self._each = [_pattern(roots) for roots in self.roots]
        self._any = _pattern([root for roots in self.roots for root in roots])

    def marked(self, text: str) -> SafeString:
        """The text, escaped, the words in `mark` elements."""
        parts, end = [], 0
        for hit in self._any.finditer(text):
            parts += [escape(text[end : hit.start()]), f"<mark>{escape(hit.group())}</mark>"]
            end = hit.end()
        return mark_safe("".join([*parts, escape(text[end:])]))  # noqa: S308  every part is escaped

    def unseen(self, text: str) -> list[str]:
        """The beginnings of telling words that are not in the text."""
        return [
            root
            for roots, pattern in zip(self.roots, self._each, strict=True)
            if len(roots[0]) >= TELLING and not pattern.search(text)
            for root in roots
        ]

    def around(self, text: str, roots: Sequence[str]) -> SafeString | None:
        """The first place in a long text that has one of these, with what stands around it."""
        hit = _pattern(roots).search(text)
        if hit is None:
            return None
        start, end = max(0, hit.start() - BEFORE), hit.end() + AFTER
        cut = " ".join(text[start:end].split())
        before, after = "… " if start else "", " …" if end < len(text) else ""
        return self.marked(f"{before}{cut}{after}")


def _root(form: str) -> str:
    root = _ENDING.sub("", form)
    return root if len(root) >= TELLING else form


def _pattern(roots: Sequence[str]) -> re.Pattern[str]:
    """A word that begins so, also within a name such as `createRefund` or `refund_id`."""
    begins = "|".join(re.escape(root) for root in sorted(set(roots), key=len, reverse=True))
    return (
        re.compile(rf"(?:(?<![^\W_])|(?<=[a-z0-9])(?=[A-Z]))(?i:{begins})[^\W_]*")
        if begins
        else re.compile(r"(?!)")
    )


def of(apis: Iterable[Api], marks: Marks) -> dict[int, Evidence]:
    """Primary key -> what has the words that name, summary and team do not have. At most three queries for a page."""
    wanted = {api: roots for api in apis if (roots := marks.unseen(_shown(api)))}
    found = {api.pk: tag for api, roots in wanted.items() if (tag := _tag(api, roots, marks))}
    found |= _operations([api for api in wanted if api.pk not in found], wanted, marks)
    left = {api.pk: roots for api, roots in wanted.items() if api.pk not in found}
    return found | _texts(left, marks) if left else found


def _shown(api: Api) -> str:
    return f"{api.name}\n{api.summary}\n{api.team.name if api.team else ''}"


def _tag(api: Api, roots: list[str], marks: Marks) -> Evidence | None:
    pattern = _pattern(roots)
    tag = next((tag for tag in api.tags if pattern.search(tag)), None)
    return Evidence(_("Tag"), marks.marked(tag)) if tag else None


def _operations(apis: Sequence[Api], wanted: dict[Api, list[str]], marks: Marks) -> dict[int, Evidence]:
    """The first operation of each version that has one of the words."""
    has = Q()
    for root in {root for api in apis for root in wanted[api]}:
        has |= Q(path__icontains=root) | Q(operation_id__icontains=root) | Q(summary__icontains=root)
    if not has:
        return {}
    versions = {api.current_version_id: api for api in apis}
    rows = (
        Operation.objects.filter(has, version__in=versions)
        .order_by("version_id", "position")
        .distinct("version_id")
    )
    return {
        versions[row.version_id].pk: Evidence(
            _("Operation"), marks.marked(f"{row.method} {row.path} {row.summary or row.operation_id}".strip())
        )
        for row in rows
    }


def _texts(wanted: dict[int, list[str]], marks: Marks) -> dict[int, Evidence]:
    """From what is too long for a card: the names of schemas, the description, the pages of the documentation."""
    pages: dict[int, list[str]] = {}
    current = Q(version=None) | Q(version=F("api__current_version"))
    rows = DocsPage.objects.filter(current, api__in=wanted).annotate(said=Left("text", INDEXED_TEXT))
    for pk, title, said in rows.values_list("api", "title", "said")[:MOST_PAGES]:
        pages.setdefault(pk, []).append(f"{title}\n{said}")
    found = {}
    apis = Api.objects.filter(pk__in=wanted).annotate(said=Left("description", INDEXED_TEXT))
    for pk, said, schemas in apis.values_list("pk", "said", "current_version__document__schemas"):
        pattern = _pattern(wanted[pk])
        parts = [(_("Schema"), name) for name in schemas or () if pattern.search(name)]
        parts += [(_("Description"), said), *((_("Documentation"), page) for page in pages.get(pk, ()))]
        around = ((label, marks.around(text, wanted[pk])) for label, text in parts)
        if evidence := next((Evidence(label, text) for label, text in around if text), None):
            found[pk] = evidence
    return found
