"""What both clusters promise: a folder of manifests always, a real kube-apiserver where there is one."""

import threading
from collections.abc import Callable, Iterator

import pytest

from portal.errors import Conflict, Invalid, NotFound
from portal.kube import AccessDenied, EventType, Kind, VersionExpired, WatchEvent
from tests.kube.sides import API, CONFIG_MAP, PLAN, DirectorySide, KubernetesSide, Side, api

SIDES = ["directory", pytest.param("kubernetes", marks=pytest.mark.cluster)]


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, tmp_path) -> Side:
    if request.param == "directory":
        return DirectorySide(tmp_path)
    fixtures = (request.getfixturevalue(name) for name in ("kubernetes", "kubernetes_cluster", "namespace"))
    return KubernetesSide(*fixtures)


def names(side: Side, **options: int) -> list[str]:
    listing = side.cluster.list(API, namespace=side.namespace, **options)
    return sorted(found.name for found in listing.objects)


def since(side: Side) -> str:
    return side.cluster.list(API, namespace=side.namespace).resource_version


def watch_until(side: Side, version: str, last: Callable[[WatchEvent], bool]) -> list[WatchEvent]:
    """The events up to the one that is waited for; the watch itself would end after 20 s."""
    seen = []
    for event in side.cluster.watch(API, since=version, timeout=20, namespace=side.namespace):
        if event.type is not EventType.BOOKMARK:
            seen.append(event)
            if last(event):
                return seen
    pytest.fail(f"not seen; there were {[(event.type, event.name) for event in seen]}")


def of(type_: EventType, name: str) -> Callable[[WatchEvent], bool]:
    return lambda event: event.type is type_ and event.name == name


def test_list_gives_whole_objects(side) -> None:
    side.write(api(side.namespace, "orders", tags=["shop"]))
    listing = side.cluster.list(API, namespace=side.namespace)
    (found,) = listing.objects
    assert (found.cluster, found.kind, found.namespace, found.name) == (
        side.cluster.name,
        API,
        side.namespace,
        "orders",
    )
    assert found.uid
    assert found.generation == 1
    assert found.resource_version
    assert found.body["spec"]["tags"] == ["shop"]
    assert (found.body["apiVersion"], found.body["kind"]) == ("portico.dev/v1alpha1", "Api")
    assert listing.resource_version
    assert listing.complete


def test_list_of_all_namespaces_and_of_one(side) -> None:
    side.write(api(side.namespace, "orders"))
    everywhere = side.cluster.list(API)
    assert (side.namespace, "orders") in {(found.namespace, found.name) for found in everywhere.objects}
    assert side.cluster.list(API, namespace="elsewhere").objects == ()


def test_list_kind_without_namespace(side) -> None:
    name = f"gold-{side.namespace}"
    side.write({"apiVersion": "portico.dev/v1alpha1", "kind": "Plan", "metadata": {"name": name}, "spec": {}})
    found = {plan.name: plan for plan in side.cluster.list(PLAN).objects}
    assert found[name].namespace == ""
    assert side.cluster.get(PLAN, namespace="", name=name).uid == found[name].uid
    side.cluster.delete(PLAN, namespace="", name=name)
    assert name not in {plan.name for plan in side.cluster.list(PLAN).objects}


def test_list_in_pages_gives_each_object_once(side) -> None:
    expected = [f"api-{number:02}" for number in range(23)]
    side.write(*(api(side.namespace, name) for name in expected))
    assert names(side, page_size=5) == expected


def test_pages_are_a_list_in_parts(side) -> None:
    expected = [f"api-{number:02}" for number in range(12)]
    side.write(*(api(side.namespace, name) for name in expected))
    pages = list(side.cluster.pages(API, namespace=side.namespace, page_size=5))
    assert [len(page.objects) for page in pages] == [5, 5, 2]
    assert sorted(found.name for page in pages for found in page.objects) == expected
    assert len({page.resource_version for page in pages}) == 1, "all pages are of one moment"
    assert all(page.complete for page in pages)


def test_pages_of_nothing_are_one_page_to_watch_from(side) -> None:
    (page,) = side.cluster.pages(API, namespace="elsewhere")
    assert page.objects == ()
    assert page.resource_version


def test_metadata_alone(side) -> None:
    side.write(api(side.namespace, "orders", summary="long"))
    (page,) = side.cluster.pages(API, namespace=side.namespace, metadata_only=True)
    (found,) = page.objects
    assert set(found.body) == {"apiVersion", "kind", "metadata"}
    assert (found.body["apiVersion"], found.body["kind"]) == ("portico.dev/v1alpha1", "Api")
    whole = side.cluster.get(API, namespace=side.namespace, name="orders")
    assert (found.uid, found.generation, found.resource_version) == (
        whole.uid,
        whole.generation,
        whole.resource_version,
    )


def test_watch_of_metadata_alone(side) -> None:
    version = side.cluster.version(API, namespace=side.namespace)
    side.write(api(side.namespace, "orders"))
    watch = side.cluster.watch(API, since=version, timeout=20, namespace=side.namespace, metadata_only=True)
    event = next(event for event in watch if event.type is EventType.ADDED)
    assert set(event.object.body) == {"apiVersion", "kind", "metadata"}
    assert (event.name, event.object.kind) == ("orders", API)


def test_version_to_watch_from_without_a_list(side) -> None:
    side.write(api(side.namespace, "before"))
    version = side.cluster.version(API, namespace=side.namespace)
    side.write(api(side.namespace, "after"))
    assert [event.name for event in watch_until(side, version, of(EventType.ADDED, "after"))] == ["after"]


def test_installed_kinds(side) -> None:
    other = Kind(group="portico.dev", version="v9", kind="Api", plural="apis")
    unknown = Kind(group="nowhere.example", version="v1", kind="Thing", plural="things")
    asked = {API, PLAN, CONFIG_MAP, other, unknown}
    expected = asked if isinstance(side, DirectorySide) else {API, PLAN, CONFIG_MAP}
    for _ in range(2):
        assert side.cluster.installed(asked) == expected


def test_event_about_an_object_changes_nothing_of_it(side) -> None:
    side.write(api(side.namespace, "orders"))
    before = side.cluster.get(API, namespace=side.namespace, name="orders")
    for _ in range(2):
        side.cluster.record_event(before, reason="NotListed", message="No definition.", warning=True)
    after = side.cluster.get(API, namespace=side.namespace, name="orders")
    assert after.resource_version == before.resource_version


def test_watch_sees_add_modify_delete(side) -> None:
    version = since(side)
    side.write(api(side.namespace, "orders", summary="one"))
    (added,) = watch_until(side, version, of(EventType.ADDED, "orders"))
    assert added.object.body["spec"]["summary"] == "one"

    version = since(side)
    side.write(api(side.namespace, "orders", summary="two"))
    (modified,) = watch_until(side, version, of(EventType.MODIFIED, "orders"))
    assert modified.object.body["spec"]["summary"] == "two"
    assert modified.object.uid == added.object.uid
    assert modified.object.generation == 2

    version = since(side)
    side.remove(API, "orders")
    (deleted,) = watch_until(side, version, of(EventType.DELETED, "orders"))
    assert deleted.object.uid == added.object.uid


def test_watch_sees_changes_while_it_waits(side) -> None:
    version = since(side)
    writer = threading.Timer(0.5, side.write, [api(side.namespace, "orders")])
    writer.start()
    try:
        (event,) = watch_until(side, version, of(EventType.ADDED, "orders"))
    finally:
        writer.join()
    assert event.object.name == "orders"


def test_watch_ends_by_itself(side) -> None:
    events = [
        event
        for event in side.cluster.watch(API, since=since(side), timeout=1, namespace=side.namespace)
        if event.type is not EventType.BOOKMARK
    ]
    assert events == []


def test_watch_goes_on_from_an_event(side) -> None:
    version = since(side)
    side.write(api(side.namespace, "first"))
    watch_until(side, version, of(EventType.ADDED, "first"))
    version = since(side)
    side.write(api(side.namespace, "second"))
    seen = watch_until(side, version, of(EventType.ADDED, "second"))
    assert [event.name for event in seen] == ["second"]


def test_watch_from_expired_version_asks_to_list_again(side) -> None:
    side.write(api(side.namespace, "orders"))
    with pytest.raises(VersionExpired):
        list(side.cluster.watch(API, since=side.expired_version(), timeout=5))


def test_get_missing(side) -> None:
    with pytest.raises(NotFound):
        side.cluster.get(API, namespace=side.namespace, name="nothing")


@pytest.mark.parametrize("name", ["../../secrets/x", "", "a/b", "a?x", "..", "x" * 300])
def test_get_with_what_is_no_name(side, name) -> None:
    with pytest.raises((Invalid, NotFound)):
        side.cluster.get(API, namespace=side.namespace, name=name)


def test_apply_creates_and_changes(side) -> None:
    made = side.cluster.apply(API, api(side.namespace, "orders", summary="one"))
    assert made.body["spec"]["summary"] == "one"
    changed = side.cluster.apply(API, api(side.namespace, "orders", tags=["new"]))
    assert changed.uid == made.uid
    assert changed.generation == 2
    assert changed.body["spec"]["tags"] == ["new"]
    assert "summary" not in changed.body["spec"], "what the manifest no longer says is no longer wanted"


def test_apply_of_the_same_changes_nothing(side) -> None:
    made = side.cluster.apply(API, api(side.namespace, "orders"))
    again = side.cluster.apply(API, api(side.namespace, "orders"))
    assert (again.uid, again.generation, again.resource_version) == (
        made.uid,
        made.generation,
        made.resource_version,
    )


def test_apply_leaves_other_fields_of_people_alone(side) -> None:
    side.write(api(side.namespace, "orders", summary="theirs"))
    manifest = api(side.namespace, "orders")
    manifest["metadata"]["annotations"] = {"portico.dev/note": "ours"}
    changed = side.cluster.apply(API, manifest)
    assert changed.annotations["portico.dev/note"] == "ours"
    assert changed.body["spec"]["summary"] == "theirs"


def test_apply_over_what_somebody_else_set_is_a_conflict_unless_forced(side) -> None:
    side.write(api(side.namespace, "orders", summary="theirs"))
    ours = api(side.namespace, "orders", summary="ours")
    with pytest.raises(Conflict):
        side.cluster.apply(API, ours)
    found = side.cluster.get(API, namespace=side.namespace, name="orders")
    assert found.body["spec"]["summary"] == "theirs"
    assert side.cluster.apply(API, ours, force=True).body["spec"]["summary"] == "ours"


def test_apply_writes_no_status(side) -> None:
    manifest = api(side.namespace, "orders") | {"status": {"observedGeneration": 9}}
    assert "status" not in side.cluster.apply(API, manifest).body


def test_status_changes_nothing_else(side) -> None:
    side.write(api(side.namespace, "orders"))
    before = side.cluster.get(API, namespace=side.namespace, name="orders")
    status = {"observedGeneration": before.generation, "conditions": [condition("True")]}
    after = side.cluster.patch_status(API, namespace=side.namespace, name="orders", status=status)
    assert after.body["status"] == status
    assert (after.uid, after.generation, after.body["spec"]) == (
        before.uid,
        before.generation,
        before.body["spec"],
    )
    assert after.resource_version != before.resource_version


def test_status_is_replaced_by_the_next_one(side) -> None:
    side.write(api(side.namespace, "orders"))
    for value in ("False", "True"):
        status = {"observedGeneration": 1, "conditions": [condition(value)]}
        side.cluster.patch_status(API, namespace=side.namespace, name="orders", status=status)
    found = side.cluster.get(API, namespace=side.namespace, name="orders")
    assert [each["status"] for each in found.body["status"]["conditions"]] == ["True"]


def test_status_survives_a_change_of_the_object(side) -> None:
    side.write(api(side.namespace, "orders"))
    status = {"observedGeneration": 1}
    side.cluster.patch_status(API, namespace=side.namespace, name="orders", status=status)
    side.write(api(side.namespace, "orders", summary="new"))
    found = side.cluster.get(API, namespace=side.namespace, name="orders")
    assert (found.generation, found.body["status"]) == (2, status)


def test_status_of_a_missing_object(side) -> None:
    with pytest.raises(NotFound):
        side.cluster.patch_status(API, namespace=side.namespace, name="nothing", status={})


def test_delete(side) -> None:
    side.write(api(side.namespace, "orders"), api(side.namespace, "users"))
    side.cluster.delete(API, namespace=side.namespace, name="orders")
    assert names(side) == ["users"]
    with pytest.raises(NotFound):
        side.cluster.delete(API, namespace=side.namespace, name="orders")


def test_delete_of_another_incarnation_is_a_conflict(side) -> None:
    side.write(api(side.namespace, "orders"))
    with pytest.raises(Conflict):
        side.cluster.delete(API, namespace=side.namespace, name="orders", uid="0000")
    assert names(side) == ["orders"]


def test_recreated_object_has_another_uid(side) -> None:
    side.write(api(side.namespace, "orders"))
    before = side.cluster.get(API, namespace=side.namespace, name="orders")
    side.cluster.patch_status(API, namespace=side.namespace, name="orders", status={"observedGeneration": 1})
    side.remove(API, "orders")
    assert names(side) == []
    side.write(api(side.namespace, "orders"))
    after = side.cluster.get(API, namespace=side.namespace, name="orders")
    assert after.uid != before.uid
    assert "status" not in after.body


def test_unreadable_object_is_told_and_harms_no_other(side) -> None:
    version = since(side)
    side.write_unreadable("broken")
    side.write(api(side.namespace, "orders"))
    listing = side.cluster.list(API, namespace=side.namespace)
    assert [found.name for found in listing.objects] == ["orders"]
    (problem,) = listing.unreadable
    assert (problem.kind, problem.namespace, problem.name) == (API, side.namespace, "broken")
    assert problem.message
    assert problem.remedy
    assert listing.complete
    seen = watch_until(side, version, of(EventType.ADDED, "orders"))
    (told,) = [event for event in seen if event.name == "broken"]
    assert told.object is None
    assert told.problem.message == problem.message
    with pytest.raises(Invalid):
        side.cluster.get(API, namespace=side.namespace, name="broken")


def test_no_permission_is_an_error_and_no_empty_list(side) -> None:
    side.write(api(side.namespace, "orders"))
    with side.without_permission() as cluster:
        with pytest.raises(AccessDenied) as refused:
            cluster.list(API)
        assert refused.value.remedy
    assert names(side) == ["orders"]


def test_definition_in_a_config_map(side) -> None:
    side.write(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "orders", "namespace": side.namespace},
            "data": {"openapi.yaml": "openapi: 3.0.0\n", "number": "200"},
        }
    )
    found = side.cluster.get(CONFIG_MAP, namespace=side.namespace, name="orders")
    assert found.body["data"] == {"openapi.yaml": "openapi: 3.0.0\n", "number": "200"}


def test_kind_that_nobody_knows(side) -> None:
    unknown = Kind(group="nowhere.example", version="v1", kind="Thing", plural="things")
    if isinstance(side, DirectorySide):
        assert side.cluster.list(unknown).objects == (), "a folder needs no CRDs"
    else:
        with pytest.raises(NotFound, match=r"things\.nowhere\.example"):
            side.cluster.list(unknown)


def condition(value: str) -> dict[str, str]:
    return {
        "type": "Accepted",
        "status": value,
        "reason": "Read",
        "message": "Read.",
        "lastTransitionTime": "2026-11-01T12:00:00Z",
    }


@pytest.fixture(autouse=True)
def _nothing_left(side) -> Iterator[None]:
    """Objects without a namespace outlive the test on the shared API server."""
    yield
    for plan in side.cluster.list(PLAN).objects:
        if plan.name.endswith(side.namespace):
            side.cluster.delete(PLAN, namespace="", name=plan.name)
