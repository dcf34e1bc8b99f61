import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext

from apis.models import Environment
from portal.errors import Invalid
from portal.lazily import gettext_lazy as _
from subscriptions.models import Application, Subscription

from . import ranges
from .actions import OVERLAPS, PERSONAL_TOKEN_DAYS_MAX, SILENCES
from .entitlements import entitlements_of
from .models import Credential, CredentialKind
from .oauth.redirects import checked as checked_redirect_uris

EXPIRIES = {"365": _("In a year"), "90": _("In 90 days"), "30": _("In 30 days"), "never": _("Never")}
LIFETIMES = {
    str(settings.ACCESS_TOKEN_SECONDS): _("10 minutes"),
    "300": _("5 minutes"),
    str(settings.MAX_TOKEN_SECONDS): _("15 minutes"),
}
OVERLAP_HELP = {
    0: _("For a leak. Callers with the old one get 401 in about a second"),
    900: _("One instance, restarted by hand"),
    3600: _("A normal rolling deploy"),
    86_400: _("Many callers, or someone else deploys"),
    604_800: _("Partners who have to be told first"),
}


class NewCredentialForm(forms.Form):
    name = forms.CharField(
        max_length=120, help_text=_("Who uses it: “Checkout web”, “load test”."), label=_("Name")
    )
    environment = forms.ChoiceField(
        choices=Environment.choices,
        widget=forms.RadioSelect,
        initial=Environment.SANDBOX,
        help_text=_("It works at this gateway only."),
        label=_("Environment"),
    )
    expires = forms.ChoiceField(
        choices=EXPIRIES.items(), help_text=_("Rotating it starts the same time anew."), label=_("Expires")
    )

    def arguments(self) -> dict[str, Any]:
        """What the issuing actions take."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "environment": data["environment"],
            "expires_at": _in_days(data["expires"]),
        }


class NewKeyForm(NewCredentialForm):
    allowed_apis = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label=_("Only these APIs"),
        help_text=_("None chosen: all that the application is subscribed to, and those it will be."),
    )
    allowed_ranges = forms.CharField(
        required=False,
        max_length=4000,
        label=_("Only from these networks"),
        help_text=_("One in each line, like 203.0.113.0/24 or 2001:db8::/32. None: from anywhere."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "in m", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        live = Subscription.objects.filter(application=application, status__in=Subscription.LIVE)
        apis = live.order_by("api__name").values_list("api__slug", "api__name")
        self.fields["allowed_apis"].choices = list(apis)  # type: ignore[attr-defined]

    def clean_allowed_ranges(self) -> list[str]:
        try:
            return ranges.parse(self.cleaned_data["allowed_ranges"].replace(",", " ").split())
        except Invalid as invalid:
            raise forms.ValidationError(f"{invalid.message} {invalid.remedy}") from None

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        limits = {name: data[name] for name in ("allowed_apis", "allowed_ranges")}
        return {**super().arguments(), **limits}


class NewClientForm(NewCredentialForm):
    redirect_uris = forms.CharField(
        required=False,
        max_length=6000,
        label=_("Redirect URIs"),
        help_text=_(
            "Where people return after they sign in, one in each line. None: nobody signs in through it."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "class": "in m", "spellcheck": "false"}),
    )
    public = forms.BooleanField(
        required=False,
        label=_("It cannot keep a secret"),
        help_text=_(
            "An app on a phone, on a desk or on a device. It gets no secret, and tokens for people only."
        ),
    )

    def clean_redirect_uris(self) -> list[str]:
        try:
            return checked_redirect_uris(self.cleaned_data["redirect_uris"].split())
        except Invalid as invalid:
            raise forms.ValidationError(f"{invalid.message} {invalid.remedy}") from None

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {**super().arguments(), "redirect_uris": data["redirect_uris"], "public": data["public"]}


def _in_days(days: str) -> datetime | None:
    return None if days == "never" else timezone.now() + timedelta(days=int(days))


class RotateForm(forms.Form):
    overlap = forms.TypedChoiceField(choices=OVERLAPS.items(), coerce=int, initial=3600, label=_("Overlap"))
    silent_days = forms.TypedChoiceField(
        choices=[
            ("", _("At the end of the overlap only")),
            *((days, format_lazy(_("Unused for {label}"), label=label)) for days, label in SILENCES.items()),
        ],
        coerce=int,
        empty_value=None,
        required=False,
        label=_("End the old one earlier"),
        help_text=_(
            "Counted from now or from its last use, whichever is later. One never seen in use is left to the end."
        ),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        silent = data.get("silent_days")
        if silent and silent * 86_400 >= data.get("overlap", 0):
            self.add_error("silent_days", gettext("Choose a longer overlap: this one is over before that."))
        return data


class RevokeForm(forms.Form):
    reason = forms.CharField(
        max_length=2000,
        required=False,
        label=_("Why?"),
        help_text=_("For the trail."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ClientKeysForm(forms.Form):
    keys = forms.CharField(
        max_length=40_000,
        label=_("Public keys"),
        help_text=_(
            "A JWK set of 1 to 5 public keys: RSA of 2048 to 4096 bits, or EC on P-256. It replaces those that are "
            "registered: give the old and the new one together while you change."
        ),
        widget=forms.Textarea(
            attrs={"rows": 12, "class": "in m", "spellcheck": "false", "autocomplete": "off"}
        ),
    )

    def clean_keys(self) -> object:
        try:
            return json.loads(self.cleaned_data["keys"])
        except (ValueError, RecursionError):
            raise forms.ValidationError(
                gettext('This is not JSON. It looks like {"keys": [{"kty": "EC", …}]}.')
            ) from None

    def emptied(self, *errors: str) -> "ClientKeysForm":
        """The form with its errors and without its text: that may be a private key, and is not shown again."""
        empty = ClientKeysForm({"keys": ""})
        empty.errors["keys"] = empty.error_class([*self.errors.get("keys", []), *errors])
        return empty


class RevokeTokenForm(forms.Form):
    token = forms.CharField(
        strip=True,
        max_length=20_000,
        label=_("Token"),
        help_text=_("The whole token: three parts with dots between them. It is not kept."),
        widget=forms.Textarea(
            attrs={"rows": 6, "class": "in m", "spellcheck": "false", "autocomplete": "off"}
        ),
    )


class ClientChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Credential) -> str:
        return f"{obj.name}, {obj.get_environment_display().lower()} ({obj.public_id})"


class TokenForm(forms.Form):
    """The token panel of one application. The scopes are those that its active subscriptions open."""

    credential = ClientChoice(
        Credential.objects.none(), to_field_name="public_id", empty_label=None, label=_("Client")
    )
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, required=False, label=_("Scopes"))
    lifetime = forms.TypedChoiceField(
        choices=LIFETIMES.items(),
        coerce=int,
        help_text=format_lazy(
            _("The issuer allows at most {minutes} minutes."), minutes=settings.MAX_TOKEN_SECONDS // 60
        ),
        label=_("Lifetime"),
    )

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clients = Credential.objects.usable().filter(
            application=application, kind=CredentialKind.OAUTH_CLIENT
        )
        self.fields["credential"].queryset = clients  # type: ignore[attr-defined]
        scopes = self._scopes(application, {client.environment for client in clients})
        self.fields["scopes"].choices = [(scope, scope) for scope in scopes]  # type: ignore[attr-defined]
        self.fields["scopes"].initial = scopes
        if not scopes:
            self.fields["scopes"].help_text = gettext(
                "No active subscription has operations that need a scope."
            )
        self.has_clients = bool(clients)

    def _scopes(self, application: Application, environments: Iterable[str]) -> list[str]:
        found = {
            scope
            for environment in environments
            for scope in entitlements_of(application, environment).scopes
        }
        return sorted(found)


class PersonalTokenForm(forms.Form):
    name = forms.CharField(
        max_length=120, help_text=_("Where you will use it: “laptop”, “CI of checkout”."), label=_("Name")
    )
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label=_("It may"))
    days = forms.IntegerField(
        min_value=1, max_value=PERSONAL_TOKEN_DAYS_MAX, initial=30, label=_("Days until it expires")
    )

    def __init__(self, *args: Any, scopes: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(scope, f"{settings.PORTAL_SCOPES[scope]} ({scope})") for scope in scopes]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]
        self.fields["scopes"].initial = ["portal:read"]
