"""`{% url %}` remembers, and is Django's otherwise."""

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, reverse


def _drawn(text: str, **context: object) -> str:
    return Template(text).render(Context(context))


def test_url_is_what_django_says() -> None:
    for name in ("orders", "a b", "é", "orders"):
        there = reverse("apis:operation", args=["orders", "1.0.0", name])
        assert _drawn("{% url 'apis:operation' 'orders' '1.0.0' name %}", name=name) == there
    assert _drawn("{% url 'apis:catalog' as there %}[{{ there }}]") == f"[{reverse('apis:catalog')}]"
    assert _drawn("{% url name slug='orders' %}", name="apis:api") == reverse("apis:api", args=["orders"])


def test_url_of_nothing_fails_unless_it_is_kept_in_a_name() -> None:
    with pytest.raises(NoReverseMatch):
        _drawn("{% url 'apis:nowhere' %}")
    assert _drawn("{% url 'apis:nowhere' as there %}[{{ there }}]") == "[]"


def test_url_is_escaped_where_the_template_escapes() -> None:
    tag = "{% url 'apis:operation' 'orders' '1.0.0' 'a&b' %}"
    assert _drawn(tag) == "/apis/orders/1.0.0/reference/a&amp;b/"
    assert _drawn(f"{{% autoescape off %}}{tag}{{% endautoescape %}}") == "/apis/orders/1.0.0/reference/a&b/"
