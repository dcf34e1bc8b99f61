"""What the database says around an object: who publishes from its namespace, which plans its APIs may name."""

from apis.models import Plan
from apis.sources import ObjectRef, Problem, PublishedApi
from portal.accounts.models import NamespaceGrant


class Surroundings:
    """The grants and live plans of one cluster, or those that count in one of its namespaces; read once."""

    def __init__(self, cluster: str, namespace: str | None = None) -> None:
        grants = NamespaceGrant.objects.filter(cluster=cluster).select_related("team")
        plans = Plan.objects.live().filter(cluster=cluster)
        if namespace is not None:
            grants, plans = grants.filter(namespace=namespace), plans.filter(namespace__in={"", namespace})
        self.grants = {grant.namespace: grant for grant in grants}
        self._plans = {(plan.namespace, plan.key): plan for plan in plans}

    @property
    def said(self) -> tuple[object, ...]:
        """All of it that decides how an object is shown, as plain data."""
        grants = {
            namespace: (grant.team_id, grant.team.slug, grant.auto_publish)
            for namespace, grant in self.grants.items()
        }
        return grants, {place: plan.pk for place, plan in self._plans.items()}

    def plan(self, namespace: str, name: str) -> Plan | None:
        """The plan that an API of this namespace means by `name`: the namespace's own first."""
        return self._plans.get((namespace, name)) or self._plans.get(("", name))

    def about(self, published: PublishedApi) -> list[object]:
        """What of this decides how the catalog shows `published`, as plain data."""
        namespace = published.ref.namespace
        grant = self.grants.get(namespace)
        plans = [
            (name, plan.pk if plan else None)
            for name in published.plans
            for plan in [self.plan(namespace, name)]
        ]
        return [grant and [grant.team_id, grant.team.slug, grant.auto_publish], plans]

    def problems(self, published: PublishedApi) -> list[Problem]:
        """What its author or an admin has to mend; none of it keeps the API out of the catalog."""
        return [*self._grant_problems(published), *self._plan_problems(published)]

    def _grant_problems(self, published: PublishedApi) -> list[Problem]:
        ref, owner = published.ref, published.owner_team
        grant = self.grants.get(ref.namespace)
        if grant is None:
            return [
                Problem(
                    ref=ref,
                    field="metadata.namespace",
                    message=f"No team publishes from namespace {ref.namespace} of cluster {ref.cluster}, so only admins see this API.",
                    remedy=f"An admin grants {ref.cluster}/{ref.namespace} to a team.",
                )
            ]
        if owner and owner != grant.team.slug:
            return [
                Problem(
                    ref=ref,
                    field=field_of(ref, "ownerTeam"),
                    message=f"It names team {owner}, but namespace {ref.namespace} is granted to {grant.team.slug}, which counts.",
                    remedy=f"Name {grant.team.slug}, move the object to a namespace of {owner}, or ask an admin for a grant.",
                )
            ]
        return []

    def _plan_problems(self, published: PublishedApi) -> list[Problem]:
        namespace = published.ref.namespace
        missing = [name for name in published.plans if self.plan(namespace, name) is None]
        if not missing:
            return []
        known = sorted({key for where, key in self._plans if where in {"", namespace}})
        return [
            Problem(
                ref=published.ref,
                field=field_of(published.ref, "plans"),
                message=f"There is no plan {', '.join(missing)}; the API is offered without.",
                remedy=f"Apply that Plan, or name one of: {', '.join(known) or 'none is there yet'}.",
            )
        ]


def field_of(ref: ObjectRef, name: str) -> str:
    """How the object's author finds the field: a path in our own kind, a word in those of others."""
    return f"spec.{name}" if ref.kind.startswith("portico.dev/") else name
