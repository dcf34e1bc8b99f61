"""Parts that are drawn once: for the same values the same text, and nothing of whoever looks or of the page around it."""

from datetime import UTC, datetime

import pytest
from django.template import Context, Template, TemplateDoesNotExist
from django.utils import timezone, translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from apis.models import Publication
from portal.kept import _Shelf, part
from portal.zones import zone_of
from tests import factories

MESSAGE, LIMITS = "_components/copyline.html", "keymanager/_limits.html"


def test_part_is_drawn_once_for_the_same_values():
    one = part(MESSAGE, {"text": "https://a.example/", "label": "URL"})
    assert "https://a.example/" in one
    assert part(MESSAGE, {"text": "https://a.example/", "label": "URL"}) is one
    assert part(MESSAGE, {"text": "https://b.example/", "label": "URL"}) != one


def test_part_never_takes_a_text_for_a_safe_one():
    hostile = "<script>alert(1)</script>"
    assert hostile in part(MESSAGE, {"text": SafeString(hostile), "label": ""})
    assert hostile not in part(MESSAGE, {"text": hostile, "label": ""})
    assert hostile in part(LIMITS, {"apis": (SafeString(hostile),), "ranges": ()})
    assert hostile not in part(LIMITS, {"apis": (hostile,), "ranges": ()})


def test_part_tells_kinds_apart():
    drawn = {str(part(MESSAGE, {"text": value, "label": ""})) for value in (1, True, 1.0, "1")}
    assert len(drawn) == 3  # 1 and "1" read alike


def test_part_is_drawn_anew_for_another_zone_and_language():
    moment = {"card": None, "text": datetime(2026, 1, 1, 12, tzinfo=UTC), "label": ""}
    here = part(MESSAGE, moment)
    with timezone.override(zone_of("Asia/Tokyo")):
        assert part(MESSAGE, moment) != here
    with translation.override("de"):
        assert part(MESSAGE, moment) is not here


def test_part_takes_choices_and_texts_that_are_translated_when_they_are_read():
    for value in (gettext_lazy("Published"), (gettext_lazy("Published"),), Publication.PUBLISHED):
        assert "ublished" in part(MESSAGE, {"text": value, "label": ""})


@pytest.mark.django_db
def test_part_refuses_what_may_change_behind_its_key(consumer):
    for value in (consumer, [1], {"a": 1}, factories.TeamFactory(slug="shop"), (1, [2])):
        with pytest.raises(TypeError, match="is no plain value"):
            part(MESSAGE, {"text": value})


def test_part_sees_nothing_of_the_page():
    page = Template('{% load kept %}{% kept "keymanager/_limits.html" ranges=ranges %}')
    drawn = page.render(Context({"apis": ("secret",), "ranges": ("10.0.0.0/8",)}))
    assert "10.0.0.0/8" in drawn
    assert "secret" not in drawn


def test_part_without_template_is_an_error():
    with pytest.raises(TemplateDoesNotExist):
        part("nowhere.html", {})


def test_shelf_holds_so_much_and_no_more():
    shelf = _Shelf(10)
    for name in "abc":
        shelf.put(name, SafeString("1234"))
        shelf.find("a")
    assert [name for name in "abc" if shelf.find(name)] == ["a", "c"]
    shelf.put("long", SafeString("x" * 11))
    assert not [name for name in ("a", "b", "c", "long") if shelf.find(name)]
