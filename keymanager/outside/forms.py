import json
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _

from apis.models import Environment
from keymanager.forms import NewCredentialForm
from keymanager.models import TrustedIssuer
from portal.errors import Invalid

from . import keys

_KEYS_MAX_CHARACTERS = 100_000


class IssuerForm(forms.Form):
    name = forms.CharField(max_length=120, help_text=_("How teams know it: “Corp SSO”."), label=_("Name"))
    url = forms.CharField(
        max_length=500,
        label=_("Issuer URL"),
        help_text=_("To the letter as the iss claim of its tokens."),
        widget=forms.TextInput(attrs={"class": "in m", "spellcheck": "false"}),
    )
    audiences = forms.CharField(
        max_length=6000,
        help_text=_(
            "What its tokens for these APIs have as aud, one in each line. Its other tokens are refused."
        ),
        widget=forms.Textarea(attrs={"rows": 2, "class": "in m", "spellcheck": "false"}),
        label=_("Audiences"),
    )
    client_claim = forms.CharField(
        max_length=120,
        initial="client_id",
        label=_("Claim that names the client"),
        help_text=_("client_id or azp with most issuers; cid or appid with some. Dots lead into objects."),
        widget=forms.TextInput(attrs={"class": "in m", "spellcheck": "false"}),
    )
    environments = forms.MultipleChoiceField(
        choices=Environment.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Environment.SANDBOX],
        label=_("Environments"),
    )
    given_keys = forms.CharField(
        required=False,
        max_length=_KEYS_MAX_CHARACTERS,
        label=_("Its public keys"),
        help_text=_("A JWK set. Left empty, they are fetched from the issuer, now and every five minutes."),
        widget=forms.Textarea(attrs={"rows": 4, "class": "in m", "spellcheck": "false"}),
    )

    def clean_audiences(self) -> list[str]:
        return self.cleaned_data["audiences"].split()

    def clean_given_keys(self) -> dict[str, Any] | None:
        text = self.cleaned_data["given_keys"].strip()
        if not text:
            return None
        try:
            document = json.loads(text)
            keys.usable(document)
        except (ValueError, RecursionError):
            raise forms.ValidationError(gettext("This is no JSON.")) from None
        except Invalid as invalid:
            raise forms.ValidationError(f"{invalid.message} {invalid.remedy}") from None
        return document


class EditIssuerForm(IssuerForm):
    """The URL is what it is: another one is another issuer."""

    url = None  # type: ignore[assignment]

    @staticmethod
    def values(issuer: TrustedIssuer) -> dict[str, Any]:
        """What the form shows of the issuer as it is."""
        given = "" if issuer.fetches else json.dumps({"keys": issuer.keys}, indent=1)
        return {
            "name": issuer.name,
            "audiences": "\n".join(issuer.audiences),
            "client_claim": issuer.client_claim,
            "environments": issuer.environments,
            "given_keys": given,
        }


class NewExternalClientForm(NewCredentialForm):
    issuer = forms.ModelChoiceField(
        TrustedIssuer.objects.none(), to_field_name="public_id", empty_label=None, label=_("Issued by")
    )
    external_id = forms.CharField(
        max_length=255,
        label=_("Client ID there"),
        help_text=_("As the issuer’s tokens name the client."),
        widget=forms.TextInput(attrs={"class": "in m", "spellcheck": "false"}),
    )
    field_order = ("issuer", "external_id")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["issuer"].queryset = TrustedIssuer.objects.in_force()  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {**super().arguments(), "issuer": data["issuer"], "external_id": data["external_id"]}
