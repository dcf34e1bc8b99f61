from django import forms
from django.utils.translation import gettext_lazy as _

from .why.asked import MAX_CHARACTERS


class WhyForm(forms.Form):
    ask = forms.CharField(
        max_length=MAX_CHARACTERS,
        label=_("What was refused?"),
        help_text=_(
            "A request id, a curl line, an access token, an API key, or the beginning of a key. It is not kept."
        ),
        widget=forms.Textarea(
            attrs={
                "rows": 5,
                "class": "in m",
                "spellcheck": "false",
                "autocomplete": "off",
                "autofocus": True,
            }
        ),
    )

    def forget(self) -> None:
        """Show again what is wrong, and not what was pasted: it may be a secret."""
        self.data = {}
