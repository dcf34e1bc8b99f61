"""Definitions of a first load go over a connection of their own, and none is missed."""

import pytest
from django.db import IntegrityError, connection

from apis import sync
from apis.models import ApiVersion, Change, Document
from apis.sync import Key, full, texts

from .test_sync_load import fill

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def many(monkeypatch):
    monkeypatch.setattr(full, "AT_ONCE", 0)


def carry(shop) -> None:
    for change in Change.objects.order_by("pk"):
        sync.carry(shop.cluster, Key(change.kind, change.namespace, change.name))


def test_definitions_are_stored_when_the_load_is_done(shop, monkeypatch):
    used = []
    original = texts.Documents.copy

    def noting(rows) -> None:
        used.append(connection.connection)
        original(rows)

    monkeypatch.setattr(texts.Documents, "copy", noting)
    fill(shop)
    assert shop.sync().outcome == "complete"
    assert set(Document.objects.values_list("version__object_name", flat=True)) == {"orders", "payments"}
    assert used
    assert connection.connection not in used


def test_definitions_that_are_lost_come_with_the_queue(shop, monkeypatch):
    def lose(_rows) -> None:
        raise IntegrityError

    fill(shop)
    with monkeypatch.context() as lost:
        lost.setattr(texts.Documents, "copy", lose)
        assert shop.sync().outcome == "complete"
    assert ApiVersion.objects.filter(definition_pending=True).count() == 4
    assert not Document.objects.exists()
    carry(shop)
    assert set(Document.objects.values_list("version__object_name", flat=True)) == {"orders", "payments"}
    assert not ApiVersion.objects.filter(definition_pending=True).exists()


def test_definition_that_the_queue_had_first_is_kept(shop, monkeypatch):
    original = texts.Documents.copy

    def late(rows) -> None:
        carry(shop)
        original(rows)

    monkeypatch.setattr(texts.Documents, "copy", late)
    fill(shop)
    assert shop.sync().outcome == "complete"
    assert set(Document.objects.values_list("version__object_name", flat=True)) == {"orders", "payments"}
    assert Document.objects.exclude(format="").count() == 2
