"""The page of what is enforced, and the form for its change, over a folder that nobody writes to."""

import pytest

from apis.enforcement import actions, parts
from apis.models import ApiVersion
from portal.accounts.models import AuditEvent, TeamRole
from portal.errors import Conflict, Forbidden, Invalid
from portal.kube import AccessDenied
from portal.kube.edits import edited, held_in
from tests import factories
from tests.apis.pages import text
from tests.apis.shop import MORE, only_version, published as publishing

pytestmark = pytest.mark.django_db
PAGE = "/apis/orders/v1/enforcement/"
EDIT = f"{PAGE}edit/"
REST = "/api/v1/apis/orders/versions/v1/enforcement/"
SCOPED = {"oauth2": True, "scopes": [{"method": "GET", "path": "/orders/{id}", "scopes": ["orders.read"]}]}


@pytest.fixture
def orders(shop, settings) -> ApiVersion:
    """Published from a folder, with something stated in each part."""
    settings.CLUSTERS = {
        "directory": {
            "kind": "directory",
            "path": str(shop.folder),
            "state": str(shop.folder.parent / "state"),
        }
    }
    shop.grant(auto_publish=True)
    shop.plan("gold")
    mediation = {
        "requestHeaders": {"set": {"X-From": "portico"}},
        "rewrite": {"prefix": "/v2"},
        "cors": {"allowOrigins": ["https://shop.example"]},
    }
    shop.api(
        "orders",
        **publishing(
            definition={"inline": MORE},
            mediation=mediation,
            security=SCOPED,
            plans=["gold"],
            visibility="Public",
        ),
    )
    return only_version()


def filled(client, **changed: object) -> dict[str, object]:
    """The form as it comes, with some fields changed; a box is ticked by its name."""
    initial = client.get(EDIT).context["form"].initial | changed
    said = {name: "\n".join(value) if isinstance(value, list) else value for name, value in initial.items()}
    return {name: value for name, value in said.items() if value is not False}


def test_page_shows_what_is_enforced_and_where(client_as, publisher, orders):
    shown = text(client_as(publisher).get(PAGE))
    for said in (
        "Access tokens, API keys",
        "gold",
        "waited for 30 s",
        "https://shop.example",
        "X-From: portico",
        "/v2",
        "orders.read",
        "portico.dev/v1alpha1/Api shop/orders",
        "api-orders.yaml:1",
        "leaves to its authors",
    ):
        assert said in shown
    assert "Last change from here" not in shown


def test_page_is_for_publishers(client, client_as, stranger, orders):
    member = factories.person("Mel Member", team="publishers", role=TeamRole.MEMBER)
    for path in (PAGE, EDIT, REST):
        for each in (client, client_as(stranger), client_as(member)):
            assert each.get(path).status_code in {302, 401, 403, 404}
        assert client_as(member).get(path).status_code == 404
    assert PAGE not in text(client_as(member).get("/apis/orders/v1/"))


def test_page_of_another_kind_says_where(client_as, publisher):
    version = factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="orders"),
        version="v1",
        kind="gateway.networking.k8s.io/v1/HTTPRoute",
    )
    shown = text(client_as(publisher).get(PAGE))
    assert "annotation portico.dev/plans" in shown
    assert EDIT not in shown
    with pytest.raises(Conflict):
        actions.read(version=version, by=publisher)
    assert client_as(publisher).get(EDIT).status_code == 409


def test_every_kind_of_an_api_has_its_fields():
    from apis.enforcement.where import FIELDS
    from apis.sources import SOURCES

    told = {f"{source.kind.group}/{source.kind.kind}" for source in SOURCES}
    assert set(FIELDS) <= told


def test_form_shows_the_change_to_copy(client_as, publisher, orders, shop):
    client = client_as(publisher)
    before = (shop.folder / "api-orders.yaml").read_text()
    shown = text(
        client.post(EDIT, filled(client, timeout_production=5, request_set="X-From: shop\nX-A: b: c"))
    )
    assert "timeoutSeconds: 5" in shown
    assert "X-A: &#x27;b: c&#x27;" in shown
    assert "api-orders.yaml:1" in shown
    assert "Apply to the object" not in shown
    said = {**filled(client, timeout_production=5), "apply": "1", "previewed": "x"}
    assert "Put this in there" in text(client.post(EDIT, said))
    assert (shop.folder / "api-orders.yaml").read_text() == before


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("plans", "silver", "no plan silver"),
        ("scopes", "GET /orders", "no operation with its scopes"),
        ("scopes", "FETCH /orders: a", "not one of GET"),
        ("timeout_production", 601, "less than or equal to 600"),
        ("cors_origins", "ftp://a", "right form"),
        ("request_set", "Host: a", "keeps the header Host"),
        ("request_set", "X-Portico-Client: a", "keeps the header"),
        ("response_set", "nothing", "no colon"),
        ("response_remove", "a b", "right form"),
    ],
)
def test_form_says_what_is_wrong_at_its_field(client_as, publisher, orders, field, value, said):
    client = client_as(publisher)
    answer = client.post(EDIT, filled(client, **{field: value}))
    assert said in text(answer, 400)
    assert said in " ".join(answer.context["form"].errors[field])


def test_form_with_no_way_in_and_with_no_change(client_as, publisher, orders):
    client = client_as(publisher)
    answer = client.post(EDIT, filled(client, oauth2=False, api_key=False, scopes=""))
    assert "no way to call" in " ".join(answer.context["form"].errors["oauth2"])
    answer = client.post(EDIT, filled(client))
    assert "Nothing would change" in text(answer, 400)


def test_form_after_the_object_changed(client_as, publisher, orders, shop):
    client = client_as(publisher)
    said = filled(client, timeout_production=5)
    shop.api("orders", **publishing(summary="Another."))
    assert "changed meanwhile" in text(client.post(EDIT, said), 400)


def test_rest_reads_and_previews_but_a_folder_is_left_alone(client_as, publisher, orders):
    client = client_as(publisher)
    said = client.get(REST).json()
    assert said["credentials"] == ["oauth2", "api_key"]
    assert said["scopes"] == [{"method": "GET", "path": "/orders/{id}", "scopes": ["orders.read"]}]
    assert said["place"]["file"] == "api-orders.yaml:1"
    assert not said["place"]["editable"]
    wish = {"security": {}, "api_key": False, "timeouts": {"production": 5}, "generation": said["generation"]}
    answer = client.patch(REST, {**wish, "preview": True}, content_type="application/json").json()
    assert not answer["applied"]
    assert [change["field"] for change in answer["changes"]] == [
        "spec.security",
        "spec.upstreams.production.timeoutSeconds",
    ]
    assert answer["changes"][0]["after"]["apiKey"] is False
    refused = client.patch(REST, wish, content_type="application/json")
    assert refused.status_code == 403
    assert "api-orders.yaml:1" in refused.json()["detail"]
    assert not AuditEvent.objects.filter(event="version_enforcement_changed").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"timeouts": {"moon": 5}},
        {"timeouts": {"production": 0}},
        {"scopes": [{"method": "GET"}]},
        {"request_headers": {"set": {"Host": "a"}}},
        {},
    ],
)
def test_rest_refuses_what_breaks_a_rule(client_as, publisher, orders, body):
    assert client_as(publisher).patch(REST, body, content_type="application/json").status_code == 400


def test_change_is_for_publishers_of_the_api(stranger, publisher, orders):
    with pytest.raises(Forbidden):
        actions.change(version=orders, wish={"timeouts": {"production": 5}}, by=stranger)
    with pytest.raises(AccessDenied):
        actions.change(version=orders, wish={"timeouts": {"production": 5}}, by=publisher)


def test_stated_changes_nothing_and_keeps_other_parts(publisher, orders):
    obj = actions.read(version=orders, by=publisher)
    assert parts.changes(obj, parts.stated(obj)) == ()
    [change] = parts.changes(obj, {"security": {"apiKey": False}})
    assert change.after["scopes"] == SCOPED["scopes"]
    [change] = parts.changes(obj, {"cors_origins": []})
    assert change.after == {"allowOrigins": []}
    with pytest.raises(Invalid):
        actions.propose(version=orders, wish={"timeouts": {"sandbox": 5}}, by=publisher)


# ---- the manifest that is applied -----------------------------------------------------------------------------------
def test_edited_keeps_what_was_applied_before():
    managed = [
        {"manager": "portico", "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {}, "f:b": {"f:c": {}}}}},
        {"manager": "portico", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {"f:d": {}}}},
        {"manager": "portico", "operation": "Update", "fieldsV1": {"f:spec": {"f:e": {}}}},
    ]
    body = {
        "metadata": {"name": "x", "namespace": "n", "managedFields": managed},
        "spec": {"a": 1, "b": {"c": 2, "z": 3}, "d": 4, "e": 5},
    }
    assert edited(body, {("spec", "f"): 6}, manager="portico", uid="u") == {
        "spec": {"a": 1, "b": {"c": 2}, "f": 6},
        "metadata": {"name": "x", "namespace": "n", "uid": "u"},
    }


def test_held_in_reads_what_the_api_server_says():
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "flux" using portico.dev/v1alpha1',
            "field": ".spec.plans",
        },
        {"reason": "FieldValueInvalid", "message": "no", "field": "spec.x"},
    ]
    assert held_in(causes) == (("flux", "spec.plans"),)
    assert held_in(None) == ()
