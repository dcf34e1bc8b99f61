"""The catalog's index against the database: what it counts, and whom it shows what."""

import random

import pytest
from django.contrib.auth.models import AnonymousUser

from apis import answers, facets
from apis.filters import CatalogQuery
from apis.index.bits import MANY, Mask, Postings, bits_of
from apis.models import Api, Publication, Visibility
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


def test_postings_few_and_many_count_alike():
    chance = random.Random(5)
    mask = Mask(bits_of(chance.sample(range(3000), 900), 3000))
    flags = mask.flags(3000)
    postings, kept = Postings(), set()
    for position in chance.sample(range(3000), MANY + 50):
        postings.add(position)
        kept.add(position)
        assert postings.within(mask, 3000) == sum(flags[p] for p in kept)
    gone = sorted(kept)[:100]
    for position in gone:
        postings.discard(position)
    assert postings.bits == bits_of(kept - set(gone), 3000)
    assert postings.count == len(kept) - 100


def test_facets_say_where_they_are_cut(db, admin, monkeypatch):
    monkeypatch.setattr(facets, "MOST_OPTIONS", 3)
    for n in range(4):
        factories.ApiFactory(slug=f"api-{n}", tags=[f"tag-{m}" for m in range(n)])
    groups = {group.name: group for group in facets.count(found(admin)).groups}
    assert [(option.value, option.count) for option in groups["tag"].options] == [
        ("tag-0", 3),
        ("tag-1", 2),
        ("tag-2", 1),
    ]
    assert not groups["tag"].cut
    Api.objects.filter(slug="api-0").update(tags=["more"])
    groups = {group.name: group for group in facets.count(found(admin)).groups}
    assert (len(groups["tag"].options), groups["tag"].cut) == (3, True)
    assert not groups["type"].cut
