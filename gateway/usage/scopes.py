"""Whose calls a usage page shows: a person's applications, the APIs that the person's teams publish, or everything."""

from dataclasses import dataclass, replace

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apis.models import Api
from gateway.models import CallSeries
from portal.accounts.models import Viewer
from portal.accounts.roles import Permission, teams_with
from portal.errors import NotFound
from subscriptions.models import Application, Subscription

# A select of more is no help; the address takes any.
_LISTED = 200
APPLICATIONS, APIS = "applications", "apis"


@dataclass(frozen=True, slots=True)
class Scope:
    """`value` is what the address says: applications, apis, app_… or an API's slug. `by` is what its lines are.

    `series` are its calls by caller, `counted` those that a report adds up: as few as say the same.
    """

    value: str
    label: str
    series: QuerySet[CallSeries]
    counted: QuerySet[CallSeries]
    subscriptions: QuerySet[Subscription]
    by: str
    application: Application | None = None

    @property
    def own(self) -> bool:
        """Whether the calls are of applications that the person may see, with their credentials."""
        return self.value == APPLICATIONS or self.value.startswith("app_")


def applications_of(user: Viewer) -> QuerySet[Application]:
    return Application.objects.visible_to(user)


def apis_of(user: Viewer) -> QuerySet[Api]:
    """Those whose calls the person may see, whoever makes them."""
    if user.is_authenticated and user.is_admin:
        return Api.objects.all()
    return Api.objects.filter(team_id__in=teams_with(user, Permission.REVIEW))


def choices(user: Viewer) -> list[tuple[str, list[tuple[str, str]]]]:
    """What there is to choose, in groups, for a select."""
    applications = list(applications_of(user).order_by("name").values_list("public_id", "name")[:_LISTED])
    apis = list(apis_of(user).order_by("name").values_list("slug", "name")[:_LISTED])
    groups = []
    if applications or not apis:
        groups.append((_("Applications"), [(APPLICATIONS, _("All applications")), *applications]))
    if apis:
        groups.append(("APIs", [(APIS, _("All APIs")), *apis]))
    return groups


def scope_of(user: Viewer, value: str) -> Scope:
    """The one of that name; by default what the person consumes, or else publishes. Raises NotFound for what they may not see."""
    value = value or _usual(user)
    if value == APPLICATIONS:
        return _of_applications(value, _("All applications"), applications_of(user))
    if value == APIS:
        series = CallSeries.objects.of_apis(user)
        counted = CallSeries.objects.of_apis(user, everybody=True)
        live = Subscription.objects.live().filter(api__in=apis_of(user))
        return Scope(value, _("All APIs"), series, counted, live, "api")
    if application := applications_of(user).filter(public_id=value).first():
        scope = _of_applications(value, application.name, applications_of(user).filter(pk=application.pk))
        return replace(scope, application=application)
    if api := apis_of(user).filter(slug=value).first():
        live = Subscription.objects.live().filter(api=api)
        series = CallSeries.objects.filter(api=api, everybody=False)
        return Scope(value, api.name, series, series, live, "application")
    raise NotFound(_("There is no such application or API, or you may not see its calls."))


def _usual(user: Viewer) -> str:
    if user.is_authenticated and user.is_admin:
        return APIS
    return APPLICATIONS if applications_of(user).exists() or not apis_of(user).exists() else APIS


def _of_applications(value: str, label: str, applications: QuerySet[Application]) -> Scope:
    wanted = applications.values("pk")
    live = Subscription.objects.live().filter(application__in=wanted)
    series = CallSeries.objects.filter(application__in=wanted)
    return Scope(value, label, series, series, live, "api")
