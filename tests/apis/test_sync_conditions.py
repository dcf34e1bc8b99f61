"""What Portico writes back to its own kinds."""

from apis import actions
from apis.models import ApiVersion
from portal.errors import ClusterUnavailable
from portal.kube import ManifestDirectory
from tests.apis.shop import only_version, published
from tests.kube.sides import API, PLAN


def conditions(shop, kind=API, name="orders"):
    obj = shop.cluster.get(kind, namespace="shop" if kind == API else "", name=name)
    return {entry["type"]: entry for entry in obj.body["status"]["conditions"]}


def test_object_is_told_that_it_waits(shop):
    shop.api()
    found = conditions(shop)
    assert (found["Accepted"]["status"], found["Accepted"]["reason"]) == ("True", "Accepted")
    assert (found["Published"]["status"], found["Published"]["reason"]) == ("False", "WaitingForPublisher")
    assert found["Accepted"]["observedGeneration"] == 1
    assert {row["type"] for row in only_version().conditions} == {"Accepted", "Published"}


def test_object_is_told_what_to_mend(shop):
    shop.api()
    before = conditions(shop)
    shop.api(basePath="no slash")
    found = conditions(shop)
    assert (found["Accepted"]["status"], found["Accepted"]["reason"]) == ("False", "Invalid")
    assert "spec.basePath" in found["Accepted"]["message"]
    assert found["Accepted"]["observedGeneration"] == 2
    assert found["Published"]["lastTransitionTime"] == before["Published"]["lastTransitionTime"]


def test_problem_beside_the_object_is_told_and_accepted(shop):
    shop.api(plans=["gold"])
    found = conditions(shop)["Accepted"]
    assert (found["status"], found["reason"]) == ("True", "AcceptedWithProblems")
    assert "gold" in found["message"]


def test_plan_is_accepted(shop):
    shop.plan("gold")
    shop.sync()
    assert list(conditions(shop, PLAN, "gold")) == ["Accepted"]


def test_decision_by_hand_is_told(shop, admin, settings, monkeypatch, django_capture_on_commit_callbacks):
    shop.api()
    settings.CLUSTERS = {"directory": {}}
    monkeypatch.setattr("apis.tasks.get_cluster", lambda name: shop.cluster)
    with django_capture_on_commit_callbacks(execute=True):
        actions.publish(version=only_version(), by=admin)
    assert conditions(shop)["Published"]["reason"] == "Published"


def test_conditions_of_others_are_left_alone(shop):
    shop.api()
    status = {
        "conditions": [*conditions(shop).values(), {"type": "Programmed", "status": "True", "reason": "R"}]
    }
    shop.cluster.patch_status(API, namespace="shop", name="orders", status=status)
    shop.api(summary="Changed")
    assert set(conditions(shop)) == {"Accepted", "Published", "Programmed"}


def test_nothing_is_patched_where_nothing_is_new(shop, monkeypatch):
    shop.api()
    ApiVersion.objects.update(content_hash="")
    monkeypatch.setattr(ManifestDirectory, "patch_status", None)
    shop.sync()
    assert only_version().content_hash


def test_refused_patch_harms_nobody(shop, monkeypatch):
    def refuse(*args, **kwargs):
        raise ClusterUnavailable("away")

    monkeypatch.setattr(ManifestDirectory, "patch_status", refuse)
    run = shop.api(**published())
    assert (run.outcome, only_version().status) == ("complete", "discovered")
