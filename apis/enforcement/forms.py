"""What people fill in to change what is enforced: lists are written one entry a line."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext

from apis.enforcement.parts import Wish
from portal.errors import Invalid
from portal.lazily import gettext_lazy as _

LONGEST = 40_000
# Where a message about a field of the object stands; the first one that fits counts.
PLACES = (
    ("spec.plans", "plans"),
    ("spec.security.scopes", "scopes"),
    ("spec.security", "oauth2"),
    ("spec.upstreams.production.timeoutSeconds", "timeout_production"),
    ("spec.upstreams.sandbox.timeoutSeconds", "timeout_sandbox"),
    ("spec.mediation.cors", "cors_origins"),
    ("spec.mediation.requestHeaders.remove", "request_remove"),
    ("spec.mediation.requestHeaders", "request_set"),
    ("spec.mediation.responseHeaders.remove", "response_remove"),
    ("spec.mediation.responseHeaders", "response_set"),
)


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, label: str, help_text: str = "", rows: int = 3) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "class": "m", "spellcheck": "false"})
        super().__init__(label=label, help_text=help_text, required=False, max_length=LONGEST, widget=widget)

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def run_validators(self, value: Any) -> None:
        super().run_validators("\n".join(value))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value


class EnforcementForm(forms.Form):
    plans = LinesField(_("Plans"), rows=3)
    oauth2 = forms.BooleanField(label=_("Access tokens"), required=False)
    api_key = forms.BooleanField(label=_("API keys"), required=False)
    public = forms.BooleanField(
        label=_("Calls without any credential"),
        required=False,
        help_text=_("Then nobody is asked who they are."),
    )
    scopes = LinesField(
        _("Scopes of operations"),
        _(
            "One operation a line, as GET /orders/{id}: orders.read orders.audit. They take the place of those in the definition."
        ),
    )
    timeout_production = forms.IntegerField(
        label=_("Timeout in production, seconds"), min_value=1, max_value=600
    )
    timeout_sandbox = forms.IntegerField(label=_("Timeout in sandbox, seconds"), min_value=1, max_value=600)
    cors_origins = LinesField(
        _("Origins whose pages may call"), _("Such as https://shop.example. Without any, CORS is off.")
    )
    request_set = LinesField(_("Set on requests"), _("One header a line, as X-Region: eu."))
    request_remove = LinesField(_("Remove from requests"), _("One header name a line."), rows=2)
    response_set = LinesField(_("Set on answers"), _("One header a line."))
    response_remove = LinesField(_("Remove from answers"), _("One header name a line."), rows=2)
    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, stated: Wish, plans: list[str], seen: int) -> None:
        """`stated` is what the object says, `plans` are the names that there are."""
        super().__init__(data, initial=_initial(stated) | {"seen": seen})
        self.fields["plans"].help_text = gettext(
            "One a line, the recommended one first. There are {names}."
        ).format(names=", ".join(plans[:30]) or "none")
        for environment in ("production", "sandbox"):
            if environment not in stated["timeouts"]:
                del self.fields[f"timeout_{environment}"]

    def clean_scopes(self) -> list[dict[str, Any]]:
        return [_scopes(line) for line in self.cleaned_data["scopes"]]

    def clean_request_set(self) -> dict[str, str]:
        return dict(_header(line) for line in self.cleaned_data["request_set"])

    def clean_response_set(self) -> dict[str, str]:
        return dict(_header(line) for line in self.cleaned_data["response_set"])

    def wish(self) -> Wish:
        """What the valid form says."""
        said = self.cleaned_data
        return Wish(
            plans=said["plans"],
            security={
                "oauth2": said["oauth2"],
                "apiKey": said["api_key"],
                "public": said["public"],
                "scopes": said["scopes"],
            },
            timeouts={
                name: said[f"timeout_{name}"]
                for name in ("production", "sandbox")
                if f"timeout_{name}" in said
            },
            cors_origins=said["cors_origins"],
            request_headers={"set": said["request_set"], "remove": said["request_remove"]},
            response_headers={"set": said["response_set"], "remove": said["response_remove"]},
        )

    def refuse(self, error: Invalid) -> None:
        """Show what is wrong where it can be mended."""
        place = next((name for path, name in PLACES if error.field.startswith(path)), None)
        self.add_error(place if place in self.fields else None, f"{error.message} {error.remedy}".strip())


def _initial(stated: Wish) -> dict[str, Any]:
    security = stated["security"]
    return {
        "plans": stated["plans"],
        "oauth2": security["oauth2"],
        "api_key": security["apiKey"],
        "public": security["public"],
        "scopes": [
            f"{entry['method']} {entry['path']}: {' '.join(entry['scopes'])}" for entry in security["scopes"]
        ],
        **{f"timeout_{name}": seconds for name, seconds in stated["timeouts"].items()},
        "cors_origins": stated["cors_origins"],
        **_rules("request", stated["request_headers"]),
        **_rules("response", stated["response_headers"]),
    }


def _rules(name: str, rules: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        f"{name}_set": [f"{header}: {value}" for header, value in rules.get("set", {}).items()],
        f"{name}_remove": list(rules.get("remove", ())),
    }


def _scopes(line: str) -> dict[str, Any]:
    operation, colon, scopes = line.rpartition(": ") if ": " in line else line.rpartition(":")
    method, _, path = operation.partition(" ")
    if not colon or not path.strip():
        raise forms.ValidationError(gettext("{line} is no operation with its scopes.").format(line=line[:80]))
    return {"method": method.upper(), "path": path.strip(), "scopes": scopes.split()}


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise forms.ValidationError(
            gettext("{line} has no colon between the header's name and its value.").format(line=line[:80])
        )
    return name.strip(), value.strip()
