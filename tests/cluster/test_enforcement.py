"""A publisher's change of what is enforced, on objects of the real kube-apiserver that other tools manage too."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from apis import sync
from apis.enforcement import actions
from apis.enforcement.shown import last_change
from apis.models import ApiVersion, Plan
from portal.accounts.models import AuditEvent, NamespaceGrant
from portal.errors import Conflict, Invalid
from portal.kube import AccessDenied, HeldByOthers, KubernetesCluster, get_cluster
from tests import factories
from tests.kube.sides import API, PLAN, api

pytestmark = [pytest.mark.cluster, pytest.mark.django_db]
GITOPS = "argocd-controller"


def as_settings(kubeconfig: object, namespace: str) -> dict[str, dict[str, Any]]:
    where = {"kind": "kubernetes", "kubeconfig": str(kubeconfig), "namespaces": (namespace,)}
    return {"kubernetes": where}


@pytest.fixture
def real(kubernetes, namespace, settings, publisher) -> Iterator[KubernetesCluster]:
    """The API server as the cluster that the settings name, its namespace granted to the publisher's team."""
    settings.CLUSTERS = as_settings(kubernetes.kubeconfig, namespace)
    team = factories.TeamFactory(slug="publishers")
    NamespaceGrant.objects.create(cluster="kubernetes", namespace=namespace, team=team, auto_publish=True)
    limits = {"rate": {"requests": 10, "per": "Second"}}
    plans = [
        {"apiVersion": PLAN.api_version, "kind": "Plan", "metadata": {"name": name}, "spec": limits}
        for name in ("free", "gold")
    ]
    kubernetes.apply(*plans)
    cluster = get_cluster("kubernetes")
    yield cluster
    cluster.close()
    kubernetes.kubectl("delete", PLAN.resource, "free", "gold")


@pytest.fixture
def orders(real, kubernetes, namespace) -> Iterator[ApiVersion]:
    """An Api that a GitOps controller applied, as the catalog read it."""
    spec = {
        "plans": ["free"],
        "publication": {"approval": "Automatic"},
        "mediation": {"requestHeaders": {"set": {"X-From": "git"}, "remove": ["Cookie"]}},
    }
    kubernetes.apply(api(namespace, "orders", **spec), manager=GITOPS)
    sync.run(real)
    yield ApiVersion.objects.select_related("api__team").get(namespace=namespace)
    kubernetes.kubectl("delete", API.resource, "orders", "-n", namespace, "--ignore-not-found")


def spec_of(real: KubernetesCluster, version: ApiVersion) -> Any:
    return real.get(API, namespace=version.namespace, name="orders").body["spec"]


def test_change_is_made_on_the_object_and_followed(real, orders, publisher):
    """What nobody else stated is Portico's at once; a later change keeps the earlier ones."""
    obj = actions.change(version=orders, wish={"timeouts": {"production": 7}}, by=publisher, seen=1)
    assert obj.generation == 2
    assert spec_of(real, orders)["upstreams"]["production"] == {
        "url": "http://backend.example",
        "timeoutSeconds": 7,
    }
    assert ApiVersion.objects.get(pk=orders.pk).upstreams["production"]["timeout_seconds"] == 30
    assert last_change(orders).state == "waiting"

    sync.run(real)
    orders.refresh_from_db()
    assert orders.upstreams["production"]["timeout_seconds"] == 7
    assert last_change(orders).state == "taken"

    wish = {"cors_origins": ["https://shop.example"], "security": {"apiKey": False}}
    actions.change(version=orders, wish=wish, by=publisher)
    spec = spec_of(real, orders)
    assert spec["upstreams"]["production"]["timeoutSeconds"] == 7
    assert spec["mediation"]["cors"]["allowOrigins"] == ["https://shop.example"]
    assert spec["security"] == {"oauth2": True, "apiKey": False, "public": False}
    assert spec["mediation"]["requestHeaders"]["set"] == {"X-From": "git"}
    event = AuditEvent.objects.filter(event="version_enforcement_changed").order_by("pk").last()
    assert event.by == publisher
    assert event.data["fields"] == ["spec.security", "spec.mediation.cors"]
    assert event.data["generation"] == 3

    actions.change(version=orders, wish={"cors_origins": []}, by=publisher)
    sync.run(real)
    orders.refresh_from_db()
    assert orders.mediation["cors"] is None
    assert not orders.stale


def test_change_of_what_another_manager_holds(real, orders, publisher):
    """It is told by name, and taken over only where that very field of that manager is named."""
    wish = {"plans": ["gold"], "request_headers": {"set": {}, "remove": ["Cookie"]}}
    proposal = actions.propose(version=orders, wish=wish, by=publisher)
    held = {(GITOPS, "spec.plans"), (GITOPS, "spec.mediation.requestHeaders")}
    assert set(proposal.held) == held

    for given in (frozenset(), frozenset({(GITOPS, "spec.plans")}), frozenset({("flux", "spec.plans")})):
        with pytest.raises(HeldByOthers, match=GITOPS) as refused:
            actions.change(version=orders, wish=wish, by=publisher, take_over=given)
        assert set(refused.value.held) == held
    assert spec_of(real, orders)["plans"] == ["free"]
    assert not AuditEvent.objects.filter(event="version_enforcement_changed").exists()

    actions.change(version=orders, wish=wish, by=publisher, take_over=frozenset(held))
    spec = spec_of(real, orders)
    assert spec["plans"] == ["gold"]
    assert spec["mediation"]["requestHeaders"] == {"remove": ["Cookie"]}
    assert AuditEvent.objects.get(event="version_enforcement_changed").data["taken_from"] == [GITOPS]
    # Now they are Portico's, so that nobody has to be asked.
    assert not actions.propose(version=orders, wish={"plans": ["free"]}, by=publisher).held


def test_other_manager_is_told_of_portico(kubernetes, orders, publisher):
    actions.change(version=orders, wish={"timeouts": {"production": 7}}, by=publisher)
    body = api(orders.namespace, "orders", plans=["free"])
    body["spec"]["upstreams"]["production"]["timeoutSeconds"] = 9
    with pytest.raises(subprocess.CalledProcessError) as refused:
        kubernetes.apply(body, manager=GITOPS)
    assert 'conflict with "portico"' in refused.value.stderr


def test_change_of_an_object_that_changed_meanwhile(real, kubernetes, orders, publisher):
    kubernetes.apply(api(orders.namespace, "orders", plans=["free"], summary="New."), manager=GITOPS)
    with pytest.raises(Conflict, match="generation 2"):
        actions.change(version=orders, wish={"timeouts": {"production": 7}}, by=publisher, seen=1)


def test_change_of_an_object_that_is_gone_makes_none(real, kubernetes, orders):
    kubernetes.kubectl("delete", API.resource, "orders", "-n", orders.namespace)
    kubernetes.apply(api(orders.namespace, "orders"), manager=GITOPS)
    with pytest.raises(Conflict):
        real.edit(
            API,
            namespace=orders.namespace,
            name="orders",
            uid=orders.uid,
            fields={("spec", "summary"): "Mine."},
        )
    assert "summary" not in spec_of(real, orders)


def test_refusal_of_the_api_server_names_the_field(real, orders):
    for path, value in ((("spec", "plans"), ["a", "a"]), (("spec", "summary"), "long " * 80)):
        with pytest.raises(Invalid) as refused:
            real.edit(
                API,
                namespace=orders.namespace,
                name="orders",
                uid=orders.uid,
                fields={path: value},
                force=True,
                rehearse=True,
            )
        assert refused.value.field.startswith(".".join(path))
    assert spec_of(real, orders)["plans"] == ["free"]


def test_change_without_the_right_in_the_cluster(real, kubernetes, orders, publisher, settings):
    rules = [{"apiGroups": ["portico.dev"], "resources": ["apis"], "verbs": ["get", "list", "watch"]}]
    limited = kubernetes.account(orders.namespace, rules)
    settings.CLUSTERS = as_settings(limited, orders.namespace)
    with pytest.raises(AccessDenied, match="patch"):
        actions.propose(version=orders, wish={"timeouts": {"production": 7}}, by=publisher)


def test_page_shows_applies_and_takes_over(real, orders, publisher, client):
    client.force_login(publisher)
    page = f"/apis/{orders.api.slug}/v1/enforcement/"
    form = dict(client.get(f"{page}edit/").context["form"].initial)
    said = {name: "\n".join(value) if isinstance(value, list) else value for name, value in form.items()}
    said = {name: value for name, value in said.items() if value is not False}
    shown = client.post(f"{page}edit/", {**said, "plans": "gold\nfree", "preview": "1"})
    assert "Nothing is changed yet" in shown.content.decode()
    assert f"<strong>{GITOPS}</strong>" in shown.content.decode()
    agreed = {**said, "plans": "gold\nfree", "previewed": shown.context["previewed"], "apply": "1"}
    again = client.post(f"{page}edit/", agreed)
    assert "not all of them are ticked" in again.content.decode()
    assert spec_of(real, orders)["plans"] == ["free"]

    # Something else than what was shown is shown first.
    other = client.post(f"{page}edit/", {**agreed, "plans": "gold", "take_over": f"{GITOPS} spec.plans"})
    assert "Nothing is changed yet" in other.content.decode()
    done = client.post(f"{page}edit/", {**agreed, "take_over": f"{GITOPS} spec.plans"}, follow=True)
    assert "as generation 2" in done.content.decode()
    assert "Waiting for the catalog" in done.content.decode()
    assert spec_of(real, orders)["plans"] == ["gold", "free"]
    sync.run(real)
    assert "In the catalog" in client.get(page).content.decode()
    assert Plan.objects.filter(versions=orders).count() == 2


def test_rest_previews_and_applies(real, orders, publisher, client):
    client.force_login(publisher)
    path = f"/api/v1/apis/{orders.api.slug}/versions/v1/enforcement/"
    wish = {"plans": ["gold"], "timeouts": {"production": 12}}
    seen = client.patch(path, {**wish, "preview": True}, content_type="application/json").json()
    assert seen["applied"] is False
    assert seen["held"] == [{"manager": GITOPS, "field": "spec.plans"}]
    refused = client.patch(path, wish, content_type="application/json")
    assert refused.status_code == 409
    assert GITOPS in refused.json()["detail"]
    done = client.patch(path, {**wish, "take_over": seen["held"]}, content_type="application/json")
    assert done.json()["generation"] == 2
    assert client.get(path).json()["last_change"]["state"] == "waiting"
