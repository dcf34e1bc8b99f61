"""The parts of the page: what they render, and that nothing supplied by a stranger gets through them as markup."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from portal import gallery
from portal.templatetags import portico

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(1)>'"""


def draw(source: str, **context: object) -> str:
    return Template("{% load portico %}" + source).render(Context(context))


def assert_harmless(html: str) -> None:
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert 'x"><' not in html


TAGS = [
    "{% pill 'ok' hostile %}",
    "{% pill hostile hostile hostile %}",
    "{% status_pill hostile %}",
    "{% status_pill 'active' hostile %}",
    "{% health hostile hostile hostile %}",
    "{% verb hostile %}",
    "{% meter 1 2 hostile %}",
    "{% icon hostile hostile %}",
    "{% monogram hostile %}",
    "{% monogram hostile 'sm' who=True %}",
    "{% crumbs hostile hostile hostile %}",
    "{% tabs hostile %}{% tab hostile hostile 3 %}{% endtabs %}",
    "{% dialog hostile hostile %}{{ hostile }}{% enddialog %}",
    "{% table hostile %}<tr><td>{{ hostile }}</td></tr>{% endtable %}",
    "{{ hostile|markdown }}",
    "{{ hostile|initials }}",
]


@pytest.mark.parametrize("source", TAGS)
def test_tag_escapes_hostile_text(source: str):
    assert_harmless(draw(source, hostile=HOSTILE))


INCLUDES = {
    "flash": {"level": "bad"},
    "toast": {"level": "bad"},
    "message": {"message": SimpleNamespace(level_tag="error", __str__=lambda self: HOSTILE)},
    "copyline": {},
    "code": {},
    "secret": {},
    "empty": {"action": "/x/"},
    "post_button": {"action": "/x/"},
    "confirm": {"id": "d", "action": "/x/"},
    "pager": {
        "page": Paginator(range(100), 10).page(3),
        "pages": [1, 2, 3],
        "request": RequestFactory().get("/"),
    },
    "facets": {
        "facets": [
            {
                "name": HOSTILE,
                "label": HOSTILE,
                "options": [{"value": HOSTILE, "label": HOSTILE, "count": 1, "checked": True}],
            }
        ]
    },
    "pillars": {
        "verdict_state": "ok",
        "pillars": [dict.fromkeys(("name", "icon", "state", "word", "claim", "evidence"), HOSTILE)],
    },
    "receipt": {
        "status": "running",
        "total": 3,
        "hops": [{"status": HOSTILE, "name": HOSTILE, "took": 3, "evidence": HOSTILE, "raw": HOSTILE}],
    },
    "timeline": {"events": [{"status": "active", "text": HOSTILE, "note": HOSTILE, "at": datetime.now(UTC)}]},
    "chain": {"links": [{"state": "bad", "name": HOSTILE, "text": HOSTILE}]},
}
WORDS = "title text label code secret what keep order verdict word poll name value icon_name"


@pytest.mark.parametrize("name", INCLUDES)
def test_component_escapes_hostile_text(name: str):
    context = dict.fromkeys(WORDS.split(), HOSTILE) | INCLUDES[name]

    html = render_to_string(
        f"_components/{name}.html", context, request=RequestFactory().get("/", {"q": HOSTILE})
    )

    assert html.strip()
    assert_harmless(html)


def test_icon_points_into_the_sprite():
    assert '<use href="/static/icons.svg#i-ok"/>' in portico.icon("ok")


def test_every_icon_that_a_status_asks_for_is_in_the_sprite(settings):
    sprite = (settings.BASE_DIR / "static" / "icons.svg").read_text()

    for _, name in portico.LOOKS.values():
        assert f'id="i-{name}"' in sprite


@pytest.mark.parametrize(
    ("status", "state", "label"),
    [
        ("active", "ok", "Active"),
        ("change_pending", "info", "Change pending"),
        ("suspended", "warn", "Suspended"),
        ("rejected", "bad", "Rejected"),
        ("revoked", "idle", "Revoked"),
        ("never-heard-of", "idle", "Never-heard-of"),
    ],
)
def test_status_pill_shows_state_and_word(status: str, state: str, label: str):
    html = portico.status_pill(status)

    assert f'class="pill {state}"' in html
    assert html.endswith(f"{label}</span>")


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Mara Lindqvist", "ML"), ("mara@example.com", "M"), ("Ö Å B", "ÖÅ"), ("", "?"), ("—", "?")],
)
def test_initials_of_a_person(name: str, letters: str):
    assert portico.initials(name) == letters


def test_monogram_keeps_its_colour():
    assert portico.monogram("Products API") == portico.monogram("Products API")
    assert ">Pr</span>" in portico.monogram("Products API")


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (timedelta(seconds=4), "4 s ago"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=3), "3 d ago"),
        (-timedelta(hours=2, seconds=5), "in 2 h"),
    ],
)
def test_ago_uses_the_largest_unit(gap: timedelta, text: str):
    assert portico.ago(timezone.now() - gap) == text


def test_ago_of_long_ago_is_a_date():
    assert portico.ago(datetime(2024, 2, 9, tzinfo=UTC)) == "9 Feb 2024"


def test_times_are_in_utc():
    moment = datetime(2026, 11, 23, 15, 2, 31, 317_000, tzinfo=timezone.get_fixed_timezone(60))

    assert portico.utc(moment) == "23 Nov 2026, 14:02:31 UTC"
    assert portico.clock(moment) == "14:02:31.317"
    assert 'datetime="2026-11-23T14:02:31.317000+00:00"' in portico.when(moment)


def test_missing_times_and_numbers_are_said():
    assert (portico.utc(None), portico.clock(None), portico.ms(None), portico.ago(None)) == (
        "—",
        "—",
        "—",
        "never",
    )


def test_ms_groups_thousands():
    assert portico.ms(1041) == "1,041 ms"
    assert portico.ms(timedelta(seconds=1.5)) == "1,500 ms"


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("<script>alert(1)</script>", "<script"),
        ('<img src=x onerror="alert(1)">', "<img"),
        ("[x](javascript:alert(1))", "href="),
        ("[x](JaVaScRiPt:alert(1))", "href="),
        ("[x](data:text/html;base64,PHNjcmlwdD4=)", "href="),
        ("[x](vbscript:msgbox)", "href="),
        ("<javascript:alert(1)>", "href="),
        ("![x](https://tracker.example/pixel.gif)", "<img"),
        ("<a href='https://x.example' onclick='x()'>x</a>", "<a"),
        ("<style>body{}</style>", "<style"),
        ('[x](https://x.example "a\\" onmouseover=alert(1) \\"")', '" onmouseover'),
    ],
)
def test_markdown_drops_what_could_run(text: str, bad: str):
    assert bad not in portico.markdown(text)


def test_markdown_keeps_structure_below_the_pages_own_heading():
    html = portico.markdown("# About\n\n**bold** `code` [docs](https://x.example)\n\n|a|b|\n|-|-|\n|1|2|")

    assert "<h2>About</h2>" in html
    assert "<strong>bold</strong>" in html
    assert "<td>1</td>" in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_markdown_of_nothing_is_empty():
    assert portico.markdown(None) == ""


def test_without_drops_one_value_and_the_page():
    request = RequestFactory().get("/?type=rest&type=graphql&q=a%26b&page=3")

    assert draw("{% without 'type' 'rest' %}", request=request) == "?type=graphql&amp;q=a%26b"
    assert draw("{% without 'type' %}", request=request) == "?q=a%26b"


def test_here_marks_the_current_place():
    request = RequestFactory().get("/applications/app_1/")

    assert "aria-current" in draw("{% here '/applications/' below=True %}", request=request)
    assert "aria-current" not in draw("{% here '/applications/' %}", request=request)
    assert "aria-current" not in draw("{% here '/' below=True %}", request=request)


class ExampleForm(forms.Form):
    name = forms.CharField(help_text="Shown to others.")
    note = forms.CharField(required=False, widget=forms.Textarea)
    plan = forms.ChoiceField(choices=[("a", "A"), ("b", HOSTILE)])
    where = forms.ChoiceField(choices=[("p", "Production"), ("s", HOSTILE)], widget=forms.RadioSelect)
    agree = forms.BooleanField(required=False)
    secret = forms.CharField(widget=forms.HiddenInput, initial=HOSTILE)


def test_form_ties_help_and_errors_to_the_control():
    html = str(ExampleForm({"name": ""}))

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert '<fieldset class="field" aria-describedby="id_where_error">' in html


def test_form_labels_every_control():
    html = str(ExampleForm())

    assert '<label for="id_name">Name</label>' in html
    assert '<label for="id_note">Note <span class="opt">(optional)</span></label>' in html
    assert '<label class="check" for="id_agree">' in html
    assert "<legend>Where</legend>" in html


def test_form_escapes_choices_and_values():
    assert_harmless(str(ExampleForm({"name": HOSTILE, "note": HOSTILE})))


def test_form_shows_its_own_errors_first():
    form = ExampleForm({})
    form.add_error(None, "Nothing was saved.")

    assert str(form).index("Nothing was saved.") < str(form).index("id_name")


@pytest.mark.django_db
def test_gallery_shows_every_component(client):
    html = client.get("/components/").content.decode()

    assert html.count("<h1") == 1
    for status in gallery.STATUSES:
        assert portico.status_pill(status) in html


@pytest.mark.django_db
def test_page_has_no_inline_script_or_style(client):
    html = client.get("/components/").content.decode()

    assert "<script>" not in html
    assert "style=" not in html
    assert "onclick" not in html


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 500, 503])
def test_error_page_says_what_and_what_next(status: int):
    context = {"status": status, "reference": "req_1"} | dict.fromkeys(
        ("title", "message", "remedy"), HOSTILE
    )

    html = render_to_string(f"errors/{status}.html", context)

    assert_harmless(html)
    assert str(status) in html
    assert "req_1" in html


class Broken:
    """Stands for whatever needs the database."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("the database is away")

    def __iter__(self) -> object:
        raise RuntimeError("the database is away")


@pytest.mark.parametrize("status", [500, 503])
def test_error_page_of_a_broken_portal_asks_nothing_of_the_database(status: int):
    request = RequestFactory().get("/")
    request.user = request.session = request._messages = Broken()

    html = render_to_string(f"errors/{status}.html", {"status": status}, request=request)

    assert "your APIs did not" in html or "answer just now" in html


def test_error_inside_htmx_is_a_toast():
    html = render_to_string(
        "errors/_flash.html", {"title": "Conflict", "message": "Somebody was quicker.", "remedy": "Look."}
    )

    assert '<hx-partial hx-target="#toasts"' in html
    assert "Somebody was quicker." in html
