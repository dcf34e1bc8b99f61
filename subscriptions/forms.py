from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _

from apis.models import Api, ApiVersion, Plan
from portal.accounts.models import Team, User
from portal.accounts.roles import Permission, teams_with

from .models import Application, Subscription


def teams_of(user: User, permission: Permission) -> Any:
    """The teams in which the person may do that, own team first."""
    teams = Team.objects.order_by("-personal", "name")
    return teams if user.is_admin else teams.filter(pk__in=teams_with(user, permission))


class ApplicationForm(forms.ModelForm):
    class Meta:
        model = Application
        fields = ("name", "description")
        labels = {"name": _("Name"), "description": _("Description")}
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}
        help_texts = {"name": _("What calls the APIs, as people know it: “Checkout web”.")}


class NewApplicationForm(ApplicationForm):
    team = forms.ModelChoiceField(
        Team.objects.none(),
        to_field_name="slug",
        empty_label=None,
        help_text=_("The application belongs to this team, not to you."),
        label=_("Team"),
    )
    field_order = ("name", "team", "description")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams_of(user, Permission.EDIT_APPLICATION)  # type: ignore[attr-defined]


class PlanChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Plan) -> str:
        quota = f", {obj.quota_text}" if obj.quota_text else ""
        how = gettext("starts at once") if obj.approval == "automatic" else gettext("needs approval")
        return f"{obj.name}: {obj.rate_text}{quota}, {how}"


def plans_of(api: Api) -> Any:
    return Plan.objects.live().filter(versions__in=ApiVersion.objects.served().filter(api=api)).distinct()


class SubscribeForm(forms.Form):
    """Somebody who has no application to choose names a new one here: one page less on the way to the first call."""

    application = forms.ModelChoiceField(
        Application.objects.none(), to_field_name="public_id", empty_label=None, label=_("Application")
    )
    name = forms.CharField(
        max_length=120,
        label=_("Name of your application"),
        help_text=_(
            "What will call the API, as people know it: “Checkout web”. It is registered with the subscription."
        ),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        to_field_name="slug",
        empty_label=None,
        help_text=_("The application belongs to this team, not to you."),
        label=_("Team"),
    )
    plan = PlanChoice(
        Plan.objects.none(), to_field_name="slug", empty_label=None, widget=forms.RadioSelect, label=_("Plan")
    )
    reason = forms.CharField(
        max_length=2000,
        required=False,
        label=_("What is it for?"),
        help_text=_("Whoever approves reads this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, user: User, api: Api, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = Subscription.objects.live().filter(api=api).values("application")
        applications = Application.objects.live().filter(team__in=teams_of(user, Permission.SUBSCRIBE))
        self.fields["application"].queryset = applications.exclude(pk__in=taken)  # type: ignore[attr-defined]
        self.fields["team"].queryset = teams_of(user, Permission.EDIT_APPLICATION)  # type: ignore[attr-defined]
        plans = plans_of(api)
        self.fields["plan"].queryset = plans  # type: ignore[attr-defined]
        self.fields["plan"].initial = getattr(plans.first(), "slug", None)
        for unused in ("name", "team") if self.fields["application"].queryset.exists() else ("application",):  # type: ignore[attr-defined]
            del self.fields[unused]


class ChangePlanForm(forms.Form):
    plan = PlanChoice(
        Plan.objects.none(), to_field_name="slug", empty_label=None, widget=forms.RadioSelect, label=_("Plan")
    )
    reason = forms.CharField(
        max_length=2000, required=False, label=_("Why?"), widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["plan"].queryset = plans_of(subscription.api).exclude(pk=subscription.plan_id)  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """A note with a decision; the action asks for one where the other side must learn why."""

    reason = forms.CharField(
        max_length=2000, required=False, label=_("Note"), widget=forms.Textarea(attrs={"rows": 2})
    )


class DeleteForm(forms.Form):
    """Deleting asks for the name."""

    name = forms.CharField(label=_("Its name, to confirm"))

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.application = application

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if name != self.application.name:
            raise forms.ValidationError(
                gettext("This is not its name. It is called {name}.").format(name=self.application.name)
            )
        return name


class TransferForm(DeleteForm):
    """So does giving it away."""

    team = forms.ModelChoiceField(
        Team.objects.none(),
        to_field_name="slug",
        empty_label=None,
        label=_("The team that takes it"),
        help_text=_("One in which you may register applications."),
    )
    field_order = ("team", "name")

    def __init__(self, *args: Any, user: User, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, application=application, **kwargs)
        teams = teams_of(user, Permission.EDIT_APPLICATION).exclude(pk=application.team_id)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
