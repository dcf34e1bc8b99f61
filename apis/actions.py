"""Every decision about a version. HTML, REST and the cluster sync call these.

The version is locked first and its Api after it, by the catalog that follows `version_changed`: the order that the
cluster sync keeps, too.
"""

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.utils import dateformat, timezone
from django.utils.translation import gettext as _

from portal.accounts.audit import record
from portal.accounts.models import User
from portal.errors import Conflict, Invalid

from .models import ApiVersion, Publication
from .permissions import check_can_publish, check_can_sync
from .signals import version_changed

LONGEST_REASON = 2000


@transaction.atomic
def publish(*, version: ApiVersion, by: User | None, note: str = "") -> ApiVersion:
    """Put a discovered or rejected version into the catalog. `by=None` is Portico, where the namespace's grant says so."""
    version = _locked(version, by)
    _check_is(version, {Publication.DISCOVERED, Publication.REJECTED}, "published")
    _check_in_cluster(version)
    version.move_to(Publication.PUBLISHED)
    version.status_note, version.published_at = "", timezone.now()
    return _changed(version, "published", ["status", "status_note", "published_at"], by=by, note=note)


@transaction.atomic
def reject(*, version: ApiVersion, by: User, reason: str) -> ApiVersion:
    """Keep a discovered version out of the catalog; its team reads why."""
    version = _locked(version, by)
    version.status_note = _reason(reason, "reject")
    version.move_to(Publication.REJECTED)
    return _changed(version, "rejected", ["status", "status_note"], by=by, note=version.status_note)


@transaction.atomic
def deprecate(
    *, version: ApiVersion, by: User | None, sunset_on: date, successor: str = "", note: str = ""
) -> ApiVersion:
    """Announce the day from which a published version is no longer served. Until then it goes on working.

    Raises:
        Invalid: the day is past, or `successor` is no other version of this API.
    """
    version = _locked(version, by)
    _check_is(version, {Publication.PUBLISHED}, "deprecated")
    if sunset_on < timezone.now().date():
        raise Invalid(
            _("{sunset_on} is past.").format(sunset_on=dateformat.format(sunset_on, "j F Y")),
            remedy=_("Choose today or a later day."),
            field="sunset_on",
        )
    _check_successor(version, successor)
    version.move_to(Publication.DEPRECATED)
    version.sunset_on, version.successor, version.deprecated_at = sunset_on, successor, timezone.now()
    fields = ["status", "sunset_on", "successor", "deprecated_at"]
    return _changed(
        version, "deprecated", fields, by=by, note=note, sunset_on=sunset_on.isoformat(), successor=successor
    )


@transaction.atomic
def republish(*, version: ApiVersion, by: User | None, note: str = "") -> ApiVersion:
    """Take a deprecation back: no sunset, no successor."""
    version = _locked(version, by)
    _check_is(version, {Publication.DEPRECATED}, "republished")
    _check_in_cluster(version)
    if by is not None and version.deprecated_in_object:
        raise Conflict(
            _("The object {object_path} itself says that it is deprecated.").format(
                object_path=version.object_path
            ),
            remedy=_("Change the object; the catalog follows it."),
        )
    version.move_to(Publication.PUBLISHED)
    version.sunset_on, version.successor, version.deprecated_at = None, "", None
    fields = ["status", "sunset_on", "successor", "deprecated_at"]
    return _changed(version, "republished", fields, by=by, note=note)


@transaction.atomic
def block(*, version: ApiVersion, by: User, reason: str) -> ApiVersion:
    """Stop every call to a published version at the gateway. It stays in the catalog, with the reason."""
    version = _locked(version, by)
    version.status_note = _reason(reason, "block")
    version.move_to(Publication.BLOCKED)
    return _changed(version, "blocked", ["status", "status_note"], by=by, note=version.status_note)


@transaction.atomic
def unblock(*, version: ApiVersion, by: User, note: str = "") -> ApiVersion:
    version = _locked(version, by)
    _check_is(version, {Publication.BLOCKED}, "unblocked")
    _check_in_cluster(version)
    version.move_to(Publication.PUBLISHED)
    version.status_note = ""
    return _changed(version, "unblocked", ["status", "status_note"], by=by, note=note)


@transaction.atomic
def retire(*, version: ApiVersion, by: User | None, note: str = "") -> ApiVersion:
    """End a deprecated version for good: the gateway refuses its calls and the catalog no longer shows it.

    `by=None` is Portico, where its sunset has come.
    """
    version = _locked(version, by)
    version.move_to(Publication.RETIRED)
    return _changed(version, "retired", ["status"], by=by, note=note)


def publish_all(*, versions: Iterable[ApiVersion], by: User) -> tuple[list[ApiVersion], list[Conflict]]:
    """Publish each on its own: what somebody else decided meanwhile is left as it is and told as a conflict."""
    published, conflicts = [], []
    for version in versions:
        try:
            published.append(publish(version=version, by=by))
        except Conflict as conflict:
            conflicts.append(conflict)
    return published, conflicts


def start_full_sync(*, by: User) -> None:
    """Ask a worker to compare every cluster with the catalog; the pass shows as a SyncRun once it has begun."""
    from . import tasks  # noqa: PLC0415  tasks end in actions again

    check_can_sync(by)
    with transaction.atomic():
        record("full_sync_requested", by, by=by)
        tasks.full_sync.delay_on_commit()


def _locked(version: ApiVersion, by: User | None) -> ApiVersion:
    """The version as it is now, locked. Who acts is checked here, before any state is told."""
    locked = ApiVersion.objects.select_for_update(of=("self",)).select_related("api__team").get(pk=version.pk)
    if by is not None:
        check_can_publish(by, locked.api)
    return locked


def _changed(
    version: ApiVersion, event: str, fields: list[str], *, by: User | None, note: str, **data: object
) -> ApiVersion:
    """Save, write the trail, and tell the catalog and the gateway: all in the caller's transaction."""
    version.save(update_fields=fields)
    record(f"version_{event}", version, by=by, team=version.api.team, note=note, **data)
    version_changed.send(sender=ApiVersion, instance=version, event=event, by=by)
    return version


def _check_is(version: ApiVersion, statuses: set[Publication], participle: str) -> None:
    """The transition table says where a status may lead; this, which of two ways there was meant."""
    if version.status not in statuses:
        raise Conflict(
            _("{version} is {status}, so it cannot be {participle}.").format(
                version=version, status=version.status, participle=participle
            ),
            remedy=_("Reload the page: somebody may have changed it."),
        )


def _check_in_cluster(version: ApiVersion) -> None:
    if version.withdrawn_at is not None:
        raise Conflict(
            _("The object of {version}, {object_path}, is gone from the cluster.").format(
                version=version, object_path=version.object_path
            ),
            remedy=_("Apply it again; it then comes back as it was."),
        )


def _check_successor(version: ApiVersion, successor: str) -> None:
    if not successor:
        return
    if not version.api.versions.exclude(pk=version.pk).filter(version=successor).exists():
        raise Invalid(
            _("{api} has no other version {successor}.").format(api=version.api, successor=successor),
            remedy=_("Name one of its versions."),
            field="successor",
        )


def _reason(reason: str, verb: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid(
            _("To {verb} it, say why.").format(verb=verb),
            remedy=_("Its team and its users read the reason."),
            field="reason",
        )
    if len(reason) > LONGEST_REASON:
        raise Invalid(
            _("The reason is longer than {longest_reason:,} characters.").format(
                longest_reason=LONGEST_REASON
            ),
            field="reason",
        )
    return reason
