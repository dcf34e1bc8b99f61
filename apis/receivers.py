"""What the catalog does when something it depends on changes elsewhere."""

from typing import Any

from django.conf import settings
from django.db.models.signals import post_delete, post_save

from portal.accounts.models import NamespaceGrant, User

from . import catalog, tasks
from .models import ApiVersion
from .signals import version_changed
from .sync import Key, changes


def connect() -> None:
    """Called once, when the apps are ready."""
    version_changed.connect(follow_version, dispatch_uid="apis.follow_version")
    for signal in (post_save, post_delete):
        signal.connect(follow_grant, sender=NamespaceGrant, dispatch_uid="apis.follow_grant")


def follow_version(*, instance: ApiVersion, by: User | None, **_: Any) -> None:
    """Whoever changes a version, the catalog shows it; what a person decided is told to the object, too."""
    instance.api = catalog.refresh(instance.api)
    if by is not None and instance.cluster in settings.CLUSTERS and instance.withdrawn_at is None:
        changes.note(
            instance.cluster, [Key(instance.kind, instance.namespace, instance.object_name)], background=True
        )
        tasks.carry_changes.delay_on_commit()


def follow_grant(*, instance: NamespaceGrant, **_: Any) -> None:
    """A grant decides whose the APIs of a namespace are, and whether they publish themselves."""
    if instance.cluster in settings.CLUSTERS:
        tasks.full_sync.delay_on_commit(instance.cluster)
