"""The catalog's index behind a database that changes: commits in any order, rollbacks, deletions, a restore, several readers."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction

from apis import answers, catalog as catalog_of, facets, index
from apis.filters import CatalogQuery
from apis.index import changes, current
from apis.models import Api, ApiVersion, Plan
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shown(published) -> Api:
    with transaction.atomic():
        return catalog_of.refresh(published.api)


@contextmanager
def another_session() -> Iterator[psycopg.Connection]:
    """Another process's connection, which commits when the test says so."""
    own = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    with psycopg.connect(**{key: own[name] for key, name in names.items()}) as other:
        yield other


def found(user=None, **asked):
    return answers.answer(CatalogQuery(**asked), user or AnonymousUser())


def slugs(answer):
    return [Api.objects.get(pk=pk).slug for pk in answer.pks(0, 1000)]


def test_index_is_kept_between_requests(shown, django_assert_num_queries):
    first = current()
    with django_assert_num_queries(1):
        assert current() is first


def test_index_follows_changes(catalog, admin):
    before = found(admin).total.count
    Api.objects.filter(slug="orders").update(tags=["fresh"])
    assert slugs(found(admin, chosen={"tag": ("fresh",)})) == ["orders"]
    ApiVersion.objects.filter(api__slug="payments").update(status="blocked")
    assert slugs(found(admin, chosen={"status": ("blocked",)})) == ["payments"]
    Api.objects.get(slug="orders").delete()
    assert found(admin).total.count == before - 1
    assert slugs(found(admin, chosen={"tag": ("fresh",)})) == []
    ApiVersion.objects.filter(api__slug="payments").delete()
    assert slugs(found(admin, chosen={"status": ("blocked",)})) == []


def test_index_follows_a_commit_that_comes_late(catalog, admin):
    """Its stamp is older than one that was read before."""
    assert found(admin, chosen={"tag": ("late",)}).narrowed.count == 0
    with another_session() as late:
        late.execute("UPDATE apis_api SET tags = '{late}' WHERE slug = 'orders'")
        Api.objects.filter(slug="payments").update(tags=["early"])
        assert slugs(found(admin, chosen={"tag": ("early",)})) == ["payments"]
        assert found(admin, chosen={"tag": ("late",)}).narrowed.count == 0
        Plan.objects.update(name="Renamed")
        assert found(admin).narrowed.count == 4
        late.commit()
        assert slugs(found(admin, chosen={"tag": ("late",)})) == ["orders"]


def test_index_forgets_what_is_rolled_back(shown, admin):
    assert found(admin).total.count == 1
    with transaction.atomic():
        Api.objects.update(tags=["never"])
        factories.ApiFactory(slug="never")
        assert found(admin).total.count == 2
        assert found(admin, chosen={"tag": ("never",)}).narrowed.count == 1
        transaction.set_rollback(True)
    assert found(admin).total.count == 1
    assert found(admin, chosen={"tag": ("never",)}).narrowed.count == 0


def test_index_follows_bulk_writes(db, admin):
    rows = [
        Api(slug=f"b-{n}", cluster="c", namespace="n", key=f"b-{n}", name=f"B {n:04}") for n in range(1200)
    ]
    assert found(admin).total.count == 0
    Api.objects.bulk_create(rows)
    answer = found(admin)
    assert answer.total.count == 1200
    assert answer.pks(1190, 1200) == [row.pk for row in rows[-10:]]


def test_index_forgets_withdrawn_plans(published, free):
    assert found(chosen={"plan": ("free",)}).narrowed.count == 1
    free.withdrawn_at = "2026-01-01T00:00Z"
    free.save()
    assert found(chosen={"plan": ("free",)}).narrowed.count == 0


def test_index_keeps_searches_true(catalog):
    assert slugs(found(text="pay")) == ["payments"]
    with transaction.atomic():
        for slug, name in (("orders", "Paying"), ("payments", "Other")):
            version = ApiVersion.objects.get(api__slug=slug)
            version.presentation |= {"name": name, "summary": ""}
            version.save()
            Api.objects.filter(slug=slug).update(key=slug[:1])
            catalog_of.refresh(Api.objects.get(slug=slug))
    assert slugs(found(text="pay")) == ["orders"]


def test_index_keeps_a_search_of_an_empty_catalog_no_longer_than_that(published):
    Api.objects.all().delete()
    assert found(text="hello").total.count == 0
    with transaction.atomic():
        catalog_of.refresh(factories.ApiVersionFactory(presentation={"name": "Hello"}).api)
    assert found(text="hello").total.count == 1


def test_answer_outlives_what_another_thread_reads(catalog, admin, free):
    """Between two questions of one request another one may have brought the index up to date."""
    answer = found(admin)
    counted = answer.narrowed.count
    Api.objects.get(slug="orders").delete()
    for n in range(50):
        factories.ApiVersionFactory(api=factories.ApiFactory(slug=f"new-{n}"), plans=[free])
    assert current() is answer.index
    assert facets.count(answer).found == counted
    assert answer.index.pks(answer.narrowed) == answer.index.pks(answer.narrowed)
    assert "orders" not in slugs(answer)
    assert len(slugs(answer)) == counted - 1


def test_index_begins_anew_in_an_emptied_or_restored_table(shown, admin):
    first = current()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE apis_api CASCADE")
    assert found(admin).total.count == 0
    assert current() is not first


def test_index_restored_rows_of_a_later_transaction(shown):
    """A dump brings stamps that the new server has not reached: they must not be read as new for ever."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE apis_api DISABLE TRIGGER USER")
        cursor.execute("UPDATE apis_api SET changed_in = '900000000'")
        cursor.execute("ALTER TABLE apis_api ENABLE TRIGGER USER")
    assert found().total.count == 1
    edition = current().edition
    assert found().total.count == 1
    assert current().edition == edition


def test_index_begins_anew_where_deletions_may_be_forgotten(shown, monkeypatch):
    first = current()
    assert current() is first
    monkeypatch.setattr("time.monotonic", lambda: 10.0 * changes.REMEMBERED_SECONDS)
    assert current() is not first


def test_index_does_not_grow_by_what_comes_and_goes(shown, admin, monkeypatch):
    monkeypatch.setattr("apis.index.index.BURST", 10)
    for n in range(20):
        api = factories.ApiFactory(slug=f"short-{n}")
        current()
        api.delete()
    assert current().size <= 13
    assert found(admin).total.count == 1


def test_removed_apis_are_noted_for_a_day(shown):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE apis_removed")
        shown.delete()
        index.forget_removed()
        cursor.execute("SELECT count(*) FROM apis_removed")
        # Once for the API, once for its version.
        assert cursor.fetchone() == (2,)
        cursor.execute("UPDATE apis_removed SET removed_at = now() - interval '25 hours'")
        index.forget_removed()
        cursor.execute("SELECT count(*) FROM apis_removed")
        assert cursor.fetchone() == (0,)
