import pytest
from django.template import Context, Template

SHOWN = Template("{% load contacts %}{{ contact|contact_link }}")


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("shop@demo.example", '<a href="mailto:shop@demo.example">shop@demo.example</a>'),
        (
            "https://demo.example/help",
            '<a href="https://demo.example/help" rel="noopener noreferrer nofollow">https://demo.example/help</a>',
        ),
        ("#shop-apis", "#shop-apis"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("https://user@demo.example/", "https://user@demo.example/"),
        ("a@b.example?bcc=c@d.example", "a@b.example?bcc=c@d.example"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
    ],
)
def test_contact_is_a_link_where_it_is_an_address(contact: str, shown: str):
    assert SHOWN.render(Context({"contact": contact})) == shown
