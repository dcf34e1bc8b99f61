"""What the cluster says around a version: the workloads behind it, and whom the cluster itself lets call it."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from .models import ApiVersion, Backend, ClusterAccess, Environment
from .sources import SOURCES


@dataclass(frozen=True, slots=True)
class ShownUpstream:
    """Where calls of one environment go. `backend` names the object its address was taken from, `row` is that object."""

    environment: str
    url: str
    backend: str
    row: Backend | None


def upstreams_of(version: ApiVersion) -> list[ShownUpstream]:
    """Where the version's calls go, with the readiness of the workloads as the cluster reports it."""
    stated = {name: version.upstreams[name] for name in Environment.values if name in version.upstreams}
    names = {upstream["backend"] for upstream in stated.values() if upstream.get("backend")}
    rows = _backends(version.cluster, names)
    return [
        ShownUpstream(
            name, upstream["url"], upstream.get("backend", ""), rows.get(upstream.get("backend", ""))
        )
        for name, upstream in stated.items()
    ]


def _backends(cluster: str, names: set[str]) -> dict[str, Backend]:
    """The rows by "Integration shop/hello"; where several groups have such a kind, the source that is read first counts."""
    wanted = Q(pk__in=[])
    for name in names:
        kind, _, path = name.partition(" ")
        namespace, _, object_name = path.partition("/")
        wanted |= Q(kind__endswith=f"/{kind}", namespace=namespace, object_name=object_name)
    order = {str(source.kind): position for position, source in enumerate(SOURCES)}
    found = Backend.objects.filter(wanted, cluster=cluster) if names else Backend.objects.none()
    rows = sorted(found, key=lambda row: order.get(row.kind, len(order)), reverse=True)
    return {f"{row.kind.rsplit('/', 1)[-1]} {row.object_path}": row for row in rows}


def access_of(version: ApiVersion) -> QuerySet[ClusterAccess]:
    """Whom the cluster's own gateway lets call it: objects name an API by its key, its name or its object's name."""
    return ClusterAccess.objects.filter(
        cluster=version.cluster,
        namespace=version.namespace,
        api_name__in={version.api.key, version.api.name, version.object_name},
    )
