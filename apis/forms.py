"""What people fill in to decide about a version. The rules themselves are in actions.py."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from .actions import LONGEST_REASON
from .models import ApiVersion


class Decision(forms.Form):
    """Base of every decision: knows the version it is about."""

    def __init__(self, *args: Any, version: ApiVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version


class NoteForm(Decision):
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For the history of this API."),
    )


class ReasonForm(Decision):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Everybody who sees this version reads it."),
    )


class DeprecateForm(Decision):
    sunset_on = forms.DateField(
        label=_("Stops on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("From this day, 0:00 UTC, the gateway refuses its calls."),
    )
    successor = forms.ChoiceField(
        label=_("Move to"), required=False, help_text=_("Where its users should go.")
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, version: ApiVersion, **kwargs: Any) -> None:
        super().__init__(*args, version=version, **kwargs)
        self.fields["sunset_on"].widget.attrs["min"] = timezone.now().date().isoformat()
        others = version.api.versions.exclude(pk=version.pk).values_list("version", flat=True)
        choices = [("", gettext("Nothing yet")), *((other, other) for other in others)]
        self.fields["successor"].choices = choices  # type: ignore[attr-defined]
