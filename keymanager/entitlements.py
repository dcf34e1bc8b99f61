"""What an application's tokens may carry: the APIs it is actively subscribed to, and their scopes."""

from dataclasses import dataclass

from django.db.models import Func, Q, Value
from django.utils import timezone

from apis.models import ApiVersion, Operation
from subscriptions.models import Application, Subscription

# An access token travels with every call: what does not fit is left out, and `subs_total` says how many there are.
SUBS_MAX = 50


@dataclass(frozen=True, slots=True)
class Entitlements:
    """`subs` maps an API's slug to the plan's; `scopes` are in the order of their names."""

    subs: dict[str, str]
    scopes: tuple[str, ...]

    @property
    def subs_claims(self) -> dict[str, object]:
        if len(self.subs) <= SUBS_MAX:
            return {"subs": self.subs}
        return {"subs": dict(list(self.subs.items())[:SUBS_MAX]), "subs_total": len(self.subs)}


def entitlements_of(application: Application, environment: str) -> Entitlements:
    """What the application may do in the environment now. Two queries."""
    live = Q(application=application, status__in=Subscription.ENFORCED) & (
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    )
    subs = dict(
        Subscription.objects.filter(live).order_by("api__slug").values_list("api__slug", "plan__slug")
    )
    return Entitlements(subs=subs, scopes=_scopes(subs, environment) if subs else ())


def _scopes(subs: dict[str, str], environment: str) -> tuple[str, ...]:
    scopes = (
        Operation.objects.filter(
            version__api__slug__in=subs,
            version__status__in=ApiVersion.SERVED,
            version__withdrawn_at__isnull=True,
            version__upstreams__has_key=environment,
        )
        .exclude(scopes=Value([]))
        .annotate(scope=Func("scopes", function="unnest"))
        .values_list("scope", flat=True)
        .distinct()
    )
    return tuple(sorted(scopes))
