"""Hears that a person is about to be deleted, whoever deletes them."""

from typing import Any

from django.db.models.signals import pre_delete

from portal.accounts.models import User

from . import grants


def connect() -> None:
    """Done once, by the app's `ready`."""
    pre_delete.connect(_on_delete, sender=User, dispatch_uid="keymanager.people")


def _on_delete(*, instance: User, **_: Any) -> None:
    grants.person_leaves(instance)
