"""What the gateway does with the calls of a version as it stands in the catalog, and how far a change of it has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apis.models import ApiVersion, Environment, SyncProblem
from portal.accounts.models import AuditEvent
from portal.lazily import gettext_lazy as _

CHANGED = "version_enforcement_changed"
CREDENTIALS = {
    "oauth2": _("Access tokens"),
    "api_key": _("API keys"),
    "public": _("Calls without any credential"),
}
SCOPES_SHOWN = 300


def enforced(version: ApiVersion) -> dict[str, Any]:
    """Plain values for page and REST. Plans and the scopes of operations are read from the database."""
    scoped = version.operations.exclude(scopes=[]).order_by("position")[:SCOPES_SHOWN]
    mediation = version.mediation or {}
    return {
        "credentials": [name for name in CREDENTIALS if version.security.get(name)],
        "scopes": [{"method": row.method, "path": row.path, "scopes": row.scopes} for row in scoped],
        "upstreams": [
            {
                "environment": name,
                "url": version.upstreams[name].get("url", ""),
                "timeout_seconds": version.upstreams[name].get("timeout_seconds", 30),
            }
            for name in Environment.values
            if name in version.upstreams
        ],
        "cors": mediation.get("cors"),
        "request_headers": _rules(mediation.get("request_headers")),
        "response_headers": _rules(mediation.get("response_headers")),
        "rewrite_prefix": mediation.get("rewrite_prefix"),
        "plans": [plan.slug for plan in version.plans.all() if plan.withdrawn_at is None],
    }


def _rules(rules: Any) -> dict[str, Any]:
    found = rules or {}
    return {"set": dict(found.get("set") or {}), "remove": list(found.get("remove") or [])}


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change made from the portal. `state`: waiting, refused or taken, by the catalog."""

    at: datetime
    by: str
    generation: int
    fields: list[str]
    state: str
    problem: SyncProblem | None = None


def last_change(version: ApiVersion) -> LastChange | None:
    """How far the last change from the portal has come; the receipt of the version tells the rest."""
    event = AuditEvent.objects.about(version).filter(event=CHANGED).order_by("-pk").first()
    if event is None or event.data.get("uid") != version.uid:
        return None
    generation = event.data["generation"]
    problem = None
    if version.generation < generation:
        problem = SyncProblem.objects.filter(
            cluster=version.cluster,
            kind=version.kind,
            namespace=version.namespace,
            object_name=version.object_name,
            generation__gte=generation,
        ).first()
    state = "taken" if version.generation >= generation else "refused" if problem else "waiting"
    return LastChange(event.at, event.by_name, generation, event.data["fields"], state, problem)
