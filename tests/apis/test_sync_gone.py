"""Many objects that went at once."""

import pytest

from apis import sync, tasks
from apis.models import ApiVersion, Change, Dependency, Plan, SeenObject, SyncProblem
from apis.sync import Key, changes
from portal.errors import ClusterUnavailable
from tests.apis.shop import problems
from tests.kube.sides import API, PLAN

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = [f"api-{number}" for number in range(8)]


@pytest.fixture
def shop(shop, settings, monkeypatch):
    """A folder that the worker's task reads as well, with APIs in the catalog."""
    settings.CLUSTERS = {"directory": None}
    monkeypatch.setattr(tasks, "get_cluster", lambda name: shop.cluster)
    for name in NAMES:
        shop.api(name, plans=["gold"])
    return shop


def keys(*names):
    return [Key(str(API), "shop", name) for name in names]


def listed():
    return set(ApiVersion.objects.filter(withdrawn_at=None).values_list("object_name", flat=True))


def test_gone_objects_are_withdrawn_and_forgotten(shop):
    assert (SeenObject.objects.count(), SyncProblem.objects.count()) == (8, 8)
    for name in NAMES[:6]:
        shop.remove(API, name)
    assert sync.withdraw(shop.cluster, keys(*NAMES)) == set(keys(*NAMES[:6]))
    assert listed() == set(NAMES[6:])
    for model in (SeenObject, SyncProblem):
        assert set(model.objects.values_list("object_name", flat=True)) == set(NAMES[6:])
    assert set(Dependency.objects.values_list("owner_name", flat=True)) == set(NAMES[6:])
    run = shop.sync()
    assert (run.counts["unchanged"], run.counts.get("withdrawn", 0)) == (2, 0)


def test_plan_is_left_to_be_looked_at_alone(shop):
    shop.plan("gold")
    shop.sync()
    shop.remove(PLAN, "gold")
    assert sync.withdraw(shop.cluster, [Key(str(PLAN), "", "gold")]) == set()
    assert Plan.objects.live().exists()


def test_path_that_becomes_free_is_given_to_who_waits(shop):
    shop.api("late", basePath="/api-0/v1")
    assert "spec.basePath" in problems()
    shop.remove(API, "api-0")
    shop.remove(API, "api-1")
    sync.withdraw(shop.cluster, keys("api-0", "api-1"))
    assert "late" in listed()


def test_list_that_fails_withdraws_nothing(shop, monkeypatch):
    def pages(kind, **_):
        raise ClusterUnavailable("It does not answer.")

    shop.remove(API, "api-0")
    monkeypatch.setattr(shop.cluster, "pages", pages)
    with pytest.raises(ClusterUnavailable):
        sync.withdraw(shop.cluster, keys("api-0"))
    assert listed() == set(NAMES)


def test_worker_withdraws_what_the_watch_saw_go(shop, django_assert_max_num_queries):
    for name in NAMES[1:]:
        shop.remove(API, name)
    # The first one came back since.
    changes.note("directory", keys(*NAMES), gone=keys(*NAMES))
    with django_assert_max_num_queries(200):
        tasks.carry_changes()
    assert listed() == {"api-0"}
    assert not Change.objects.filter(listed_at=None).exists()
    assert Change.objects.count() == 7
