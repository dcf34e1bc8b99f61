"""A first load by the page says what reading one object at a time says, and gives nothing up."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from django.core.serializers.python import Serializer
from django.db import models

from apis import sync
from apis.models import (
    Api,
    ApiVersion,
    ApiWords,
    Change,
    Dependency,
    Document,
    SeenObject,
    SyncProblem,
)
from apis.sync import Key, bulk, changes, full
from portal.accounts.models import AuditEvent
from portal.errors import ClusterUnavailable
from tests import factories
from tests.kube.sides import api

from .shop import MORE, OPENAPI, Shop, published

NAMES = ("orders", "payments", "refunds")
API = "portico.dev/v1alpha1/Api"
# What depends on the moment, and what only reading the definition brings.
MOMENTS = {
    "id",
    "created_at",
    "updated_at",
    "discovered_at",
    "published_at",
    "deprecated_at",
    "seen_at",
    "at",
}
MOMENTS |= {"first_seen_at", "last_seen_at", "definition_pending"}
READ = {Document: {"format", "findings", "scopes", "version"}, ApiVersion: {"document", "plans", "api"}}
READ |= {Api: {"current_version"}, ApiWords: {"vector", "api"}}


@pytest.fixture
def many(monkeypatch):
    """Whatever is there is more than is read one by one."""
    monkeypatch.setattr(full, "AT_ONCE", 0)


def fill(shop: Shop) -> None:
    shop.plan("gold")
    shop.config_map("orders", OPENAPI)
    shop.write(
        api("shop", "orders", **published(definition={"configMapRef": {"name": "orders"}}, plans=["gold"]))
    )
    odd = {"tags": ['a "quoted" \\ tag', "tab\there", "å"], "description": "Two\nlines\\.\t."}
    cors = {"allowOrigins": ["https://shop.example"]}
    shop.write(
        api(
            "shop", "payments", definition={"inline": MORE}, plans=["silver"], mediation={"cors": cors}, **odd
        )
    )
    retired = {"approval": "Automatic", "deprecated": True, "sunset": "2031-06-30", "successor": "v2"}
    shop.write(api("shop", "refunds", publication=retired, security={"apiKey": False}))
    shop.write(api("other", "stock", api="orders", basePath="/elsewhere"))


def rows(model: type[models.Model], left_out: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of a table by what they say, whatever their numbers."""
    found = Serializer().serialize(model._default_manager.all())
    said = [
        {"natural": str(row["model"]), **{k: v for k, v in row["fields"].items() if k not in left_out}}
        for row in found
    ]
    return sorted(said, key=repr)


def everything() -> dict[str, list[dict[str, Any]]]:
    tables = (Api, ApiVersion, Document, SeenObject, Dependency, SyncProblem, AuditEvent, ApiWords)
    found = {model.__name__: rows(model, MOMENTS | READ.get(model, set())) for model in tables}
    versions = ApiVersion.objects.order_by("api__slug", "version")
    found["AuditEvent"] = [row for row in found["AuditEvent"] if row["target_type"] == "apis.ApiVersion"]
    for row in found["ApiWords"]:
        row["text"] = row["text"].split()
    found["joined"] = [
        {
            "version": str(row.public_id),
            "plans": sorted(row.plans.values_list("slug", flat=True)),
            "current": row.api.current_version_id == row.pk,
            "texts": sorted(row.documents.values_list("text", flat=True)),
            "moments": [row.published_at is None, row.deprecated_at is None],
        }
        for row in versions
    ]
    return found


def test_loaded_by_the_page_is_what_is_read_one_by_one(shop, monkeypatch):
    shop.grant(auto_publish=True)
    fill(shop)
    shop.sync()
    one_by_one = everything()
    for model in (Api, Document, SeenObject, Dependency, SyncProblem, AuditEvent):
        model._default_manager.all().delete()
    monkeypatch.setattr(full, "AT_ONCE", 0)
    run = shop.sync()
    assert run.counts == {"created": 4, "problems": 2, "seen": 5, "unchanged": 0}
    assert everything() == one_by_one


def test_large_definitions_are_stored_in_parts(shop, many, monkeypatch):
    monkeypatch.setattr(bulk, "PART_BYTES", 0)
    fill(shop)
    assert shop.sync().counts["created"] == 5, "four APIs and their plan"
    assert Change.objects.filter(background=True, kind=API).count() == 4


def test_loaded_versions_wait_for_their_definitions(shop, many):
    fill(shop)
    shop.sync()
    assert set(ApiVersion.objects.values_list("definition_pending", flat=True)) == {True}
    assert Change.objects.filter(background=True, kind=API).count() == 4
    shop.sync()
    assert Change.objects.filter(notices=1).count() == 4, "what waits is not noted once more"
    for change in Change.objects.all():
        sync.carry(shop.cluster, Key(change.kind, change.namespace, change.name))
    assert set(ApiVersion.objects.values_list("definition_pending", flat=True)) == {False}


def test_unchanged_after_a_load_writes_nothing(shop, many):
    fill(shop)
    shop.sync()
    for change in Change.objects.all():
        sync.carry(shop.cluster, Key(change.kind, change.namespace, change.name))
        changes.done(change, carried=True)
    before = everything()
    assert shop.sync().counts["unchanged"] == 5
    assert everything() == before


def test_few_objects_are_read_whole_at_once(shop):
    fill(shop)
    shop.sync()
    assert not Change.objects.exists()
    assert set(ApiVersion.objects.values_list("definition_pending", flat=True)) == {False}


def test_conflicts_within_a_page_go_to_the_queue(shop, many):
    for name, path in (("a", "/same"), ("b", "/same"), ("c", "/same/below"), ("d", "/free")):
        shop.write(api("shop", name, basePath=path))
    shop.write(api("shop", "e", api="d", version="v2", basePath="/other"))
    shop.sync()
    # Two versions of one API are the queue's, too: they share a row.
    assert sorted(ApiVersion.objects.values_list("object_name", flat=True)) == ["a"]
    assert Change.objects.count() == 5


def test_object_noticed_meanwhile_is_left_to_the_queue(shop, many, monkeypatch):
    fill(shop)
    began = full._database_now()
    changes.note("directory", [Key(API, "shop", "payments")])
    monkeypatch.setattr(full, "_database_now", lambda: began)
    shop.sync()
    assert sorted(ApiVersion.objects.values_list("object_name", flat=True)) == ["orders", "refunds", "stock"]
    assert not Change.objects.get(name="payments").background


def test_grant_that_comes_while_a_page_is_read_counts(shop, many, monkeypatch):
    fill(shop)
    original = bulk._parts

    def parts(*args: Any) -> Iterable[Any]:
        for part in original(*args):
            part.around = ({}, part.around[1])  # as it was when the page was read
            yield part

    monkeypatch.setattr(bulk, "_parts", parts)
    shop.sync()
    # Read anew, one by one: they are neither stored as they were, nor forgotten.
    assert not Api.objects.exists()
    for change in Change.objects.all():
        sync.carry(shop.cluster, Key(change.kind, change.namespace, change.name))
    assert Api.objects.get(slug="payments").team == shop.team


def test_slug_that_is_taken_gets_another_one(shop, many):
    factories.ApiFactory(slug="orders", cluster="else")
    fill(shop)
    shop.sync()
    slugs = set(Api.objects.filter(cluster="directory").values_list("slug", flat=True))
    assert {"orders-shop", "orders-other"} <= slugs


def test_page_that_cannot_be_stored_goes_to_the_queue(shop, many, monkeypatch):
    fill(shop)
    original = bulk.copying.Version.of.__func__

    def too_long(cls: type, published: Any, around: Any) -> Any:
        return original(cls, replace(published, ref=replace(published.ref, uid="u" * 65)), around)

    monkeypatch.setattr(bulk.copying.Version, "of", classmethod(too_long))
    run = shop.sync()
    assert run.outcome == "complete"
    assert not ApiVersion.objects.exists()
    assert Change.objects.count() == 4


def test_object_that_no_text_can_hold_goes_to_the_queue(shop, many, monkeypatch):
    fill(shop)

    def refuse(published: Any, *_: Any) -> str:
        if published.key == "payments":
            raise ValueError("surrogates")
        return "hash"

    monkeypatch.setattr(bulk.copying, "fingerprint", refuse)
    shop.sync()
    assert "payments" not in set(ApiVersion.objects.values_list("object_name", flat=True))
    assert Change.objects.filter(name="payments").exists()


def test_load_that_broke_off_goes_on(shop, many, monkeypatch):
    fill(shop)
    original = shop.cluster.pages

    def breaking(kind: Any, **options: Any) -> Iterable[Any]:
        options["page_size"] = 2
        for number, page in enumerate(original(kind, **options)):
            if number and kind.kind == "Api":
                raise ClusterUnavailable("The cluster is away.")
            yield page

    monkeypatch.setattr(shop.cluster, "pages", breaking)
    assert shop.sync().outcome == "failed"
    assert ApiVersion.objects.count() == 2
    monkeypatch.setattr(shop.cluster, "pages", original)
    assert shop.sync().outcome == "complete"
    assert ApiVersion.objects.count() == 4
    assert Change.objects.filter(kind=API).count() == 4
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
