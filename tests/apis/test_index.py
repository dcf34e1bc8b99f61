"""The catalog's index against the database: what it counts, whom it shows what, and how it follows changes."""

import random

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from apis import answers, facets
from apis.filters import CatalogQuery
from apis.index import current
from apis.index.bits import MANY, Mask, Postings, bits_of
from apis.models import Api, ApiVersion, Publication, Visibility
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(free) -> None:
    """Every visibility with every status, in two teams."""
    chance = random.Random(3)
    for n, (visibility, status) in enumerate(
        (visibility, status) for visibility in Visibility.values for status in Publication.values
    ):
        team = factories.TeamFactory(slug=chance.choice(["publishers", "consumers"]))
        api = factories.ApiFactory(slug=f"api-{n}", team=team, visibility=visibility, tags=[f"tag-{n % 4}"])
        factories.ApiVersionFactory(api=api, status=status, plans=[free] if n % 2 else [])
    Api.objects.create(
        slug="bare", cluster="test", namespace="x", key="bare", name="Bare", visibility="public"
    )


def found(user, **asked):
    return answers.answer(CatalogQuery(**asked), user)


def slugs(answer):
    pks = answer.pks(0, 1000)
    return [Api.objects.get(pk=pk).slug for pk in pks]


def test_index_shows_what_the_queryset_shows(many, publisher, consumer, stranger, admin):
    for user in (AnonymousUser(), publisher, consumer, stranger, admin):
        answer = found(user)
        assert set(slugs(answer)) == set(Api.objects.visible_to(user).values_list("slug", flat=True)), user
        assert answer.narrowed.count == len(slugs(answer))


def test_index_counts_what_is_left(many, publisher):
    groups = facets.count(found(publisher, chosen={"status": ("published",)})).groups
    for group in groups:
        for option in group.options:
            if group.name != "status":
                asked = {"status": ("published",), group.name: (option.value,)}
                assert found(publisher, chosen=asked).narrowed.count == option.count, (group.name, option)


def test_index_follows_changes(many, admin):
    before = found(admin).total.count
    Api.objects.filter(slug="bare").update(tags=["fresh"])
    assert slugs(found(admin, chosen={"tag": ("fresh",)})) == ["bare"]
    ApiVersion.objects.filter(api__slug="api-1").update(status="blocked")
    assert "api-1" in slugs(found(admin, chosen={"status": ("blocked",)}))
    Api.objects.get(slug="bare").delete()
    assert found(admin).total.count == before - 1
    assert slugs(found(admin, chosen={"tag": ("fresh",)})) == []


def test_index_follows_what_is_published_and_withdrawn(published):
    assert slugs(found(AnonymousUser())) == ["products"]
    ApiVersion.objects.update(withdrawn_at="2026-01-01T00:00Z")
    assert found(AnonymousUser()).total.count == 0


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
    assert found(AnonymousUser(), chosen={"plan": ("free",)}).narrowed.count == 1
    free.withdrawn_at = "2026-01-01T00:00Z"
    free.save()
    assert found(AnonymousUser(), chosen={"plan": ("free",)}).narrowed.count == 0


def test_index_keeps_searches_true(catalog, django_assert_num_queries):
    assert slugs(found(AnonymousUser(), text="pay")) == ["payments"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE apis_api SET search = to_tsvector('english', 'pay') WHERE slug = 'orders'")
        cursor.execute("UPDATE apis_api SET search = to_tsvector('english', 'else') WHERE slug = 'payments'")
    assert slugs(found(AnonymousUser(), text="pay")) == ["orders"]


def test_index_restored_rows_of_a_later_transaction(published):
    """A dump brings stamps that the new server has not reached: they must not be read as new for ever."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE apis_api DISABLE TRIGGER USER")
        cursor.execute("UPDATE apis_api SET changed_in = '900000000'")
        cursor.execute("ALTER TABLE apis_api ENABLE TRIGGER USER")
    assert found(AnonymousUser()).total.count == 1
    edition = current().edition
    assert found(AnonymousUser()).total.count == 1
    assert current().edition <= edition + 1


def test_postings_few_and_many_count_alike():
    chance = random.Random(5)
    mask = Mask(bits_of(chance.sample(range(3000), 900), 3000), 3000)
    postings, kept = Postings(), set()
    for position in chance.sample(range(3000), MANY + 50):
        postings.add(position)
        kept.add(position)
        assert postings.within(mask) == sum(mask.flags[p] for p in kept)
    gone = sorted(kept)[:100]
    for position in gone:
        postings.discard(position)
    assert postings.bits == bits_of(kept - set(gone), 3000)
    assert postings.count == len(kept) - 100
