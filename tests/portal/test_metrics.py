"""Who may read /metrics, and that Prometheus could."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apis.models import Change, SeenObject, SyncProblem, SyncRun, WatchState
from gateway.models import QuotaUse, Receipt, Revision, VersionProblem
from gateway.usage.tail import Tail
from tests import factories
from tests.gateway.logs import append, line, log_in

pytestmark = pytest.mark.django_db
KIND = "portico.dev/v1alpha1/Api"
TOKEN = "metrics-token-of-this-test"
# https://prometheus.io/docs/instrumenting/exposition_formats/
LINE = re.compile(
    r'# (HELP|TYPE) portico_\w+ .+|portico_\w+\{(\w+="([^"\\\n]|\\["\\n])*",?)*\} -?\d+(\.\d+)?(e-?\d+)?'
)


@pytest.fixture
def followed(settings):
    settings.CLUSTERS = {"test": {}}
    now = timezone.now()
    WatchState.objects.create(cluster="test", kind=KIND, connected_since=now)
    WatchState.objects.create(cluster="test", kind="v1/ConfigMap", message="Cut.")
    WatchState.objects.create(cluster="test", kind="wso2.com/v1alpha1/API", installed=False)
    SeenObject.objects.create(cluster="test", kind=KIND, namespace="shop", object_name="orders")
    SyncProblem.objects.create(cluster="test", kind=KIND, namespace="shop", object_name="bad", message="No.")
    noticed_at = now - timedelta(minutes=2)
    change = {"cluster": "test", "kind": KIND, "noticed_at": noticed_at, "due_at": now}
    Change.objects.create(**change, name="a")
    Change.objects.create(**change, name="b", background=True)
    Change.objects.create(**change, name="c", listed_at=noticed_at + timedelta(seconds=0.25))
    started_at = now - timedelta(seconds=30)
    SyncRun.objects.create(
        cluster="test",
        outcome="complete",
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=2),
    )


@pytest.fixture
def token(settings):
    settings.METRICS_TOKEN = TOKEN


def scrape(client, given=TOKEN, scheme="Bearer"):
    return client.get("/metrics", headers={"Authorization": f"{scheme} {given}"})


def test_metrics_of_everything(client, followed, token):
    response = scrape(client)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.content.decode().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    for expected in (
        f'portico_sync_connected{{cluster="test",kind="{KIND}"}} 1',
        'portico_sync_connected{cluster="test",kind="v1/ConfigMap"} 0',
        'portico_sync_lag_seconds{cluster="test",kind="v1/ConfigMap"} 0',
        f'portico_sync_objects{{cluster="test",kind="{KIND}"}} 1',
        f'portico_sync_problems{{cluster="test",kind="{KIND}"}} 1',
        'portico_sync_queue{cluster="test",background="false"} 1',
        'portico_sync_queue{cluster="test",background="true"} 1',
        'portico_sync_full_sync_seconds{cluster="test"} 2.0',
        'portico_sync_apply_to_listed_seconds{cluster="test",quantile="0.5"} 0.25',
        'portico_sync_apply_to_listed_seconds{cluster="test",quantile="0.99"} 0.25',
    ):
        assert expected in lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values[f'portico_sync_lag_seconds{{cluster="test",kind="{KIND}"}}']) >= 120
    assert float(values['portico_sync_full_sync_age_seconds{cluster="test"}']) >= 28
    assert not any("wso2.com" in line for line in lines)


def test_metrics_before_anything_happened(client, settings, token):
    settings.CLUSTERS = {"test": {}}
    lines = scrape(client).content.decode().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert 'portico_sync_queue{cluster="test",background="false"} 0' in lines


@pytest.fixture
def enforced(settings, tmp_path):
    """Calls, two of them not counted yet, and what a gateway agent leaves behind."""
    settings.GATEWAY_DIR = tmp_path
    version = factories.ApiVersionFactory(api=factories.ApiFactory(slug="orders"), version="1.0.0")
    now = timezone.now()
    tail = Tail(log_in(tmp_path))
    call = {"time": now.isoformat().replace("+00:00", "Z")}
    refused = call | {"status": 403, "reason": "not_subscribed"}
    append(tail.log.live, line(**call), line(**call), line(**refused), line(**call, probe="1"), b"nonsense\n")
    tail.step()
    append(tail.log.live, line(**call), line(**call))
    VersionProblem.objects.create(version=version, message="No.")
    Revision.objects.create(digest="a", written_at=now - timedelta(hours=2), rejection="no_such_field")
    Receipt.objects.create(version=version, event="found_differing", status="stuck")
    application = factories.ApplicationFactory()
    span = {"period": "day", "starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1)}
    QuotaUse.objects.create(application=application, api=version.api, **span, nearly_at=now)


def test_metrics_of_the_gateway(client, settings, enforced, token, django_assert_max_num_queries):
    settings.CLUSTERS = {}
    with django_assert_max_num_queries(20):
        lines = scrape(client).content.decode().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    for expected in (
        'portico_gateway_calls{environment="production",status="2xx",reason=""} 2',
        'portico_gateway_calls{environment="production",status="4xx",reason="not_subscribed"} 1',
        "portico_usage_lines_total{} 5",
        "# TYPE portico_usage_lines_total counter",
        "portico_usage_probes_total{} 1",
        "portico_usage_malformed_total{} 1",
        f"portico_usage_lag_bytes{{}} {2 * len(line(time=timezone.now().isoformat()[:26] + 'Z'))}",
        'portico_quotas{state="open"} 0',
        'portico_quotas{state="nearly"} 1',
        "portico_gateway_agent{} 0",
        "portico_gateway_revision_refused{} 1",
        'portico_gateway_receipts{status="running"} 0',
        'portico_gateway_receipts{status="stuck"} 1',
        "portico_gateway_held_versions{} 1",
        "portico_gateway_sweep_differing{} 1",
    ):
        assert expected in lines
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values["portico_gateway_revision_age_seconds{}"]) >= 7200
    assert 0 <= float(values["portico_usage_lag_seconds{}"]) < 60
    assert not any("orders" in line for line in lines)


def test_metrics_label_is_escaped(client, settings, token):
    settings.CLUSTERS = {'a"b\\c\nd': {}}
    assert r'{cluster="a\"b\\c\nd",background="true"} 0' in scrape(client).content.decode()


def test_metrics_admin_needs_no_token(client_as, admin):
    assert client_as(admin).get("/metrics").status_code == 200


@pytest.mark.parametrize("who", ["publisher", "stranger", None])
def test_metrics_are_not_there_for_others(client_as, request, db, token, who):
    user = request.getfixturevalue(who) if who else None
    assert client_as(user).get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("given", "scheme"), [("wrong", "Bearer"), ("", "Bearer"), (TOKEN, "Basic"), ("ß", "Bearer")]
)
def test_metrics_wrong_token(client_as, admin, token, given, scheme):
    response = scrape(client_as(admin), given, scheme)
    assert (response.status_code, response["WWW-Authenticate"][:6]) == (401, "Bearer")


def test_metrics_no_token_is_set(client, settings):
    settings.METRICS_TOKEN = ""
    assert scrape(client, "").status_code == 401


def test_metrics_are_only_read(client_as, admin):
    assert client_as(admin).post("/metrics").status_code == 405
