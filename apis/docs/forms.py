"""What people fill in to write a docs page. The rules themselves are in actions.py."""

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _

from .actions import LONGEST_TEXT, LONGEST_TITLE


class DocsPageForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=LONGEST_TITLE)
    text = forms.CharField(
        label=_("Text"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 22, "class": "m", "spellcheck": "true"}),
        help_text=_("Markdown: headings, lists, tables, links and code. HTML and images are left out."),
    )
    position = forms.TypedChoiceField(label=_("Place"), coerce=int, required=False, empty_value=None)
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, places: list[str], **kwargs: Any) -> None:
        """`places`: the titles of the other pages, in order."""
        super().__init__(*args, **kwargs)
        after = [
            (number + 2, gettext("After {title}").format(title=title)) for number, title in enumerate(places)
        ]
        field: Any = self.fields["position"]
        field.choices = [(1, gettext("First")), *after]
        if not places:
            field.widget = forms.HiddenInput()
