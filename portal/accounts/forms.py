from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext, gettext_lazy as _

from portal.accounts.models import Team, TeamRole, User


class SignupForm(forms.Form):
    """What sign-up asks beyond e-mail and password."""

    name = forms.CharField(
        max_length=120, label=_("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )

    def signup(self, request: object, user: object) -> None:
        """allauth calls this; AccountAdapter.save_user has done the work."""


class AccountForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": _("Your name")}
        help_texts = {"name": _("As others see it beside what you approve and change.")}


class TeamForm(forms.Form):
    name = forms.CharField(max_length=120, label=_("Name of the new team"))


class MemberForm(forms.Form):
    email = forms.EmailField(label=_("Their e-mail"), help_text=_("They must have signed up."))
    role = forms.ChoiceField(choices=TeamRole.choices, initial=TeamRole.MEMBER, label=_("Role"))


class GrantForm(forms.Form):
    cluster = forms.ChoiceField(
        choices=lambda: [(name, name) for name in settings.CLUSTERS], label=_("Cluster")
    )
    namespace = forms.CharField(max_length=63, label=_("Namespace"))
    team = forms.ModelChoiceField(
        Team.objects.filter(personal=False), to_field_name="slug", empty_label=None, label=_("Team")
    )
    auto_publish = forms.BooleanField(
        required=False,
        label=_("Publish at once what asks for automatic approval"),
        help_text=_("Otherwise each version waits for a publisher."),
    )


class DeletePersonForm(forms.Form):
    """Deleting asks for the address."""

    email = forms.CharField(label=_("The e-mail of the account, to confirm"))

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        if email != self.person.email:
            raise forms.ValidationError(
                gettext("This is not it. The account's is {email}.").format(email=self.person.email)
            )
        return email
