"""A publisher's change of what is enforced, made on the object in the cluster. HTML and REST call these.

The database is not written, the trail aside: the object is the truth, and the catalog follows it as it follows everybody's
changes of it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from apis.enforcement import parts
from apis.enforcement.parts import Change, Wish
from apis.enforcement.shown import CHANGED
from apis.enforcement.where import OURS, place_of
from apis.models import ApiVersion, Plan
from apis.permissions import check_can_publish
from apis.sources.portico_v1alpha1 import API
from portal.accounts.audit import record
from portal.accounts.models import User
from portal.errors import Conflict, Invalid
from portal.kube import Cluster, HeldByOthers, KubeObject, get_cluster

# Manager and field, as the cluster names them.
Held = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be changed. `held`: what other managers would lose; `patch`: the change as a manifest."""

    obj: KubeObject
    changes: tuple[Change, ...]
    patch: str
    held: tuple[Held, ...] = ()


def read(*, version: ApiVersion, by: User) -> KubeObject:
    """The object as the cluster has it now.

    Raises:
        Conflict: it is of another kind, gone, another one by now, or cannot be read.
        ClusterUnavailable, AccessDenied: it cannot be read.
    """
    check_can_publish(by, version.api)
    if version.kind != OURS or version.withdrawn_at is not None:
        raise Conflict(
            _("{kind} {object_path} is not changed here. {why}").format(
                kind=version.kind, object_path=version.object_path, why=place_of(version).why
            ),
            remedy=_("Change the object where it is kept; its page says which fields."),
        )
    obj = get_cluster(version.cluster).get(API, namespace=version.namespace, name=version.object_name)
    if obj.uid != version.uid:
        raise Conflict(
            _("{object_path} was deleted and made anew since the catalog read it.").format(
                object_path=version.object_path
            ),
            remedy=_("Wait a moment, then reload the page."),
        )
    for problem in parts.problems(obj, ()):
        raise Conflict(
            _("{object_path} cannot be read as it is: {message}.").format(
                object_path=version.object_path, message=problem.message
            ),
            remedy=problem.remedy,
        )
    return obj


def propose(*, version: ApiVersion, wish: Wish, by: User, seen: int | None = None) -> Proposal:
    """What the wish changes, with every objection that the cluster has. Nothing is changed.

    `seen` is the generation of the object that the person had before them. In a folder there is nobody to object but the
    rules of the kind.

    Raises:
        Conflict: the object was changed since, or see `read`.
        Invalid: a value breaks a rule, or nothing would change.
    """
    obj = read(version=version, by=by)
    found = _proposed(obj, wish, seen)
    cluster = get_cluster(version.cluster)
    if not cluster.edits:
        return found
    try:
        _edit(cluster, found, force=False, rehearse=True)
    except HeldByOthers as error:
        # Once more as if all of it were taken over, for what else the cluster has against it.
        _edit(cluster, found, force=True, rehearse=True)
        return Proposal(found.obj, found.changes, found.patch, error.held)
    return found


def change(
    *,
    version: ApiVersion,
    wish: Wish,
    by: User,
    seen: int | None = None,
    take_over: frozenset[Held] = frozenset(),
) -> KubeObject:
    """Make the change on the object, which is returned as it is then. `take_over`: what other managers shall lose.

    Raises:
        HeldByOthers: another manager set a field to another value, and `take_over` does not name it.
        Conflict, Invalid: as `propose`.
        ClusterUnavailable, AccessDenied: the cluster does not answer, or does not let Portico change it.
    """
    found = propose(version=version, wish=wish, by=by, seen=seen)
    if not take_over.issuperset(found.held):
        told = ", ".join(f"{manager} ({field})" for manager, field in found.held)
        raise HeldByOthers(
            f"{version.object_path} has fields that others manage: {told}.",
            remedy="Change them there, or say that you take them over.",
            held=found.held,
        )
    with transaction.atomic():
        # What the cluster refuses leaves no trail.
        obj = _edit(get_cluster(version.cluster), found, force=bool(found.held), rehearse=False)
        record(
            CHANGED,
            version,
            by=by,
            team=version.api.team,
            uid=obj.uid,
            generation=obj.generation,
            # Names alone: a header's value may be a secret of the backend's.
            fields=[each.field for each in found.changes],
            taken_from=sorted({manager for manager, _ in found.held}),
        )
    return obj


def _proposed(obj: KubeObject, wish: Wish, seen: int | None) -> Proposal:
    if seen is not None and seen != obj.generation:
        raise Conflict(
            _("{kind} {namespace}/{name} was changed meanwhile: it is generation {generation} now.").format(
                kind=obj.kind.kind, namespace=obj.namespace, name=obj.name, generation=obj.generation
            ),
            remedy=_("Reload the page and make your change again."),
        )
    changed = parts.changes(obj, wish)
    if not changed:
        raise Invalid(_("Nothing would change."), remedy=_("The object says all of this already."))
    _check_plans(obj, wish)
    for problem in parts.problems(obj, changed):
        raise Invalid(f"{problem.message}.", remedy=problem.remedy, field=problem.field)
    return Proposal(obj, changed, parts.patch_of(obj, changed))


def plan_names(obj: KubeObject) -> list[str]:
    """What an object may name as its plans: those of its namespace, and those of the whole cluster."""
    rows = Plan.objects.filter(
        cluster=obj.cluster, namespace__in=("", obj.namespace), withdrawn_at__isnull=True
    )
    return list(dict.fromkeys(rows.exclude(key="").values_list("key", flat=True)))


def _check_plans(obj: KubeObject, wish: Wish) -> None:
    """A plan that the object names already may be gone; a further one has to be there."""
    added = set(wish.get("plans", ())) - set(parts.stated(obj)["plans"])
    if unknown := sorted(added - set(plan_names(obj))):
        raise Invalid(
            _("There is no plan {names}.").format(names=", ".join(unknown[:5])),
            remedy=_("Name a Plan of the cluster."),
            field="spec.plans",
        )


def _edit(cluster: Cluster, found: Proposal, *, force: bool, rehearse: bool) -> KubeObject:
    obj = found.obj
    fields = {each.path: each.after for each in found.changes}
    return cluster.edit(
        API,
        namespace=obj.namespace,
        name=obj.name,
        uid=obj.uid,
        fields=fields,
        force=force,
        rehearse=rehearse,
    )
