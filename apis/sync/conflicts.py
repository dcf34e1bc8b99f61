"""What two objects cannot both have: one version of one API, one place in the gateway's paths."""

from collections.abc import Sequence

from django.db.models import Q

from apis.models import ApiVersion
from apis.sources import Problem, PublishedApi

from .surroundings import field_of

# The fields of these problems: their objects are read again when another object gives something up.
CONTESTED = ("version", "spec.version", "basePath", "spec.basePath")


def refusal(published: PublishedApi) -> list[Problem]:
    """Why `published` cannot stand in the catalog beside what is there; the earlier object keeps what it has."""
    ref = published.ref
    others = ApiVersion.objects.filter(withdrawn_at__isnull=True).exclude(
        cluster=ref.cluster, kind=ref.kind, namespace=ref.namespace, object_name=ref.name
    )
    others = others.select_related("api").order_by("pk")
    same_api = Q(api__cluster=ref.cluster, api__namespace=ref.namespace, api__key=published.key)
    same_version = others.filter(same_api, version=published.version).first()
    if same_version is not None:
        return [_version_problem(published, same_version)]
    in_the_way = others.filter(_overlaps(published.base_path, same_api)).first()
    return [_path_problem(published, in_the_way)] if in_the_way is not None else []


def within(published: PublishedApi, beside: Sequence[PublishedApi]) -> list[Problem]:
    """The same between two versions of one object."""
    path = published.base_path
    for other in beside:
        nested = f"{path}/".startswith(f"{other.base_path}/") or f"{other.base_path}/".startswith(f"{path}/")
        if path == other.base_path or (nested and other.key != published.key):
            message = f"Base path {path} overlaps {other.base_path} of {other.key} in the same object."
            remedy = "Give each definition a base path of its own."
            return [Problem(published.ref, field_of(published.ref, "basePath"), message, remedy)]
        if (other.key, other.version) == (published.key, published.version):
            message = f"The object says version {published.version} of {published.key} twice."
            return [Problem(published.ref, field_of(published.ref, "version"), message, "Say it once.")]
    return []


def _overlaps(path: str, same_api: Q) -> Q:
    """The same base path, or one above or below it that another API has: requests would reach the wrong one."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(2, len(parts))]
    nested = Q(base_path__in=above) | Q(base_path__startswith=f"{path}/")
    return Q(base_path=path) | (nested & ~same_api)


def _version_problem(published: PublishedApi, row: ApiVersion) -> Problem:
    return Problem(
        ref=published.ref,
        field=field_of(published.ref, "version"),
        message=f"{_named(row)} is version {row.version} of {row.api.name} already.",
        remedy="Give this object another version or another API name, or delete the other object.",
    )


def _path_problem(published: PublishedApi, other: ApiVersion) -> Problem:
    return Problem(
        ref=published.ref,
        field=field_of(published.ref, "basePath"),
        message=f"Base path {published.base_path} overlaps {other.base_path} of {_named(other)}.",
        remedy="Choose a base path that is neither above nor below that of another API.",
    )


def _named(row: ApiVersion) -> str:
    """The other object, as its own author would call it."""
    return f"{row.kind.rpartition('/')[2]} {row.object_path}" + f" in cluster {row.cluster}"
