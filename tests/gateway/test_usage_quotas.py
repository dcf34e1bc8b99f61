"""Quotas: calendar periods, counting, refusing, opening again, telling. Real Postgres; a real Envoy where it refuses."""

import datetime as dt
from email.utils import parsedate_to_datetime

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from gateway import compile as compiling, tasks
from gateway.agent import Agent, compile_all
from gateway.models import QuotaUse
from gateway.publish import Publisher, envoy_options
from gateway.snapshot import Reason
from gateway.usage import quotas
from gateway.usage.access_log import AccessLog
from gateway.usage.quotas import period_of
from gateway.usage.tail import Tail
from tests import factories
from tests.gateway.envoy import RunningEnvoy, free_port, wait_until
from tests.gateway.logs import log_in
from tests.gateway.test_usage_counts import count, line

pytestmark = pytest.mark.django_db(transaction=True)


def utc(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("period", "zone", "moment", "start", "end"),
    [
        ("day", "UTC", "2026-11-23 14:00", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("day", "UTC", "2026-11-23 00:00", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("day", "Asia/Kathmandu", "2026-11-23 18:14", "2026-11-22 18:15", "2026-11-23 18:15"),
        ("day", "Asia/Kathmandu", "2026-11-23 18:15", "2026-11-23 18:15", "2026-11-24 18:15"),
        ("day", "America/New_York", "2026-11-23 03:00", "2026-11-22 05:00", "2026-11-23 05:00"),
        # Clocks go back: 25 hours. Clocks go forward: 23.
        ("day", "Europe/Berlin", "2026-10-25 12:00", "2026-10-24 22:00", "2026-10-25 23:00"),
        ("day", "Europe/Berlin", "2026-03-29 12:00", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("week", "UTC", "2026-11-29 23:59", "2026-11-23 00:00", "2026-11-30 00:00"),
        ("week", "Europe/Berlin", "2026-11-22 23:30", "2026-11-22 23:00", "2026-11-29 23:00"),
        ("month", "UTC", "2026-12-31 23:59", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("month", "UTC", "2028-02-29 10:00", "2028-02-01 00:00", "2028-03-01 00:00"),
        ("month", "Pacific/Auckland", "2026-11-30 12:00", "2026-11-30 11:00", "2026-12-31 11:00"),
        ("day", "Nowhere/Atlantis", "2026-11-23 14:00", "2026-11-23 00:00", "2026-11-24 00:00"),
    ],
)
def test_period_is_of_the_calendar(period, zone, moment, start, end):
    assert period_of(period, zone, utc(moment)) == (utc(start), utc(end))


@pytest.fixture
def subscription():
    plan = factories.PlanFactory(
        slug="small", quota_requests=10, quota_period="day", rate_requests=100_000, burst=10_000
    )
    version = factories.ApiVersionFactory(api=factories.ApiFactory(slug="orders"))
    factories.person("Mona Maintainer", team="consumers", role="maintainer")
    return factories.SubscriptionFactory(api=version.api, plan=plan)


@pytest.fixture
def tail(tmp_path):
    return Tail(log_in(tmp_path))


def called(subscription, at=None, **fields):
    at = at or timezone.now()
    return line(
        time=at.isoformat().replace("+00:00", "Z"),
        application=subscription.application.public_id,
        credential=None,
        **fields,
    )


def refusal(subscription, now=None):
    access = compiling.access(now)
    key = f"{subscription.application.public_id}:{subscription.api.slug}"
    return access.refusals.get(key), access


def test_quota_used_up_is_refused_until_the_period_ends(tail, subscription):
    now = timezone.now()
    _, end = period_of("day", "UTC", now)
    count(tail, *[called(subscription, now)] * 9)
    assert refusal(subscription)[0] is None
    count(tail, called(subscription, now))
    reason, access = refusal(subscription)
    assert reason == Reason.QUOTA_EXCEEDED
    assert access.changes_at == end
    assert list(access.refused_until.values()) == [end]
    assert refusal(subscription, end)[0] is None


def test_refused_calls_and_other_periods_take_nothing(tail, subscription):
    yesterday = timezone.now() - dt.timedelta(days=1)
    count(tail, *[called(subscription, yesterday)] * 10)
    count(tail, *[called(subscription, status=429, reason="plan_rate")] * 10)
    assert refusal(subscription)[0] is None
    assert sorted(QuotaUse.objects.values_list("used", flat=True)) == [10]


def test_both_environments_take_from_one_quota(tail, subscription):
    count(tail, *[called(subscription, environment=name) for name in ("production", "sandbox") * 5])
    assert refusal(subscription)[0] == Reason.QUOTA_EXCEEDED


def test_subscribing_again_buys_no_calls(tail, subscription):
    count(tail, *[called(subscription)] * 10)
    subscription.status = "cancelled"
    subscription.save()
    again = factories.SubscriptionFactory(
        application=subscription.application, api=subscription.api, plan=subscription.plan
    )
    assert refusal(again)[0] == Reason.QUOTA_EXCEEDED


def test_larger_plan_opens_at_once(tail, subscription):
    count(tail, *[called(subscription)] * 10)
    subscription.plan = factories.PlanFactory(quota_requests=1000, quota_period="day")
    subscription.save()
    assert refusal(subscription)[0] is None
    subscription.plan = factories.PlanFactory()
    subscription.save()
    assert refusal(subscription)[0] is None


def test_suspension_goes_before_quota(tail, subscription):
    count(tail, *[called(subscription)] * 10)
    subscription.status = "suspended"
    subscription.save()
    assert refusal(subscription)[0] == Reason.SUSPENDED


def test_team_is_told_once_at_80_percent_and_once_at_the_end(tail, subscription):
    for calls, mails in ((7, 0), (1, 1), (1, 1), (1, 2), (5, 2)):
        count(tail, *[called(subscription)] * calls)
        tasks.tell_quotas()
        tasks.tell_quotas()
        assert len(mail.outbox) == mails
    nearly, end = mail.outbox
    assert nearly.to == ["mona@example.com"]
    assert "80 %" in nearly.subject
    assert "used up" in end.subject
    assert subscription.get_absolute_url() in end.body


def test_team_is_told_of_the_end_alone_where_it_came_at_once(tail, subscription):
    count(tail, *[called(subscription)] * 30)
    tasks.tell_quotas()
    tasks.tell_quotas()
    assert len(mail.outbox) == 1
    assert "used up" in mail.outbox[0].subject


def test_mail_that_cannot_be_sent_is_sent_later(tail, subscription, monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("no mail server")

    count(tail, *[called(subscription)] * 10)
    with monkeypatch.context() as patch:
        patch.setattr("gateway.usage.quota_mails.send_mail", broken)
        with pytest.raises(OSError, match="no mail server"):
            tasks.tell_quotas()
    tasks.tell_quotas()
    assert len(mail.outbox) == 1


def test_standing_says_what_is_left(tail, subscription):
    count(tail, *[called(subscription)] * 4)
    (standing,) = quotas.standings([subscription])
    assert (standing.used, standing.remaining, standing.percent) == (4, 6, 40)


@pytest.mark.parametrize(
    ("requests", "used", "runs_out"),
    [(10, 0, None), (10, 1, None), (10, 8, "14:30"), (10, 10, None), (10**15, 1, None)],
)
def test_standing_says_when_it_runs_out_at_this_pace(subscription, requests, used, runs_out):
    standing = quotas.Standing(
        subscription,
        quotas.Quota(requests, "day", "UTC"),
        used,
        utc("2026-11-23 00:00"),
        utc("2026-11-24 00:00"),
        None,
    )
    with time_machine.travel(utc("2026-11-23 11:36"), tick=False):
        found = standing.runs_out_at
    assert found == (utc(f"2026-11-23 {runs_out}") if runs_out else None)


# ---- through Envoy ------------------------------------------------------------------------------------------------
@pytest.fixture
def running(envoy_here, settings, tmp_path_factory):
    state = tmp_path_factory.mktemp("qu")
    settings.STATE_DIR, settings.GATEWAY_DIR = state, state / "gateway"
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("production", "sandbox")}
    settings.GATEWAY_LISTEN = settings.GATEWAY_PROBE = addresses
    settings.GATEWAY_URLS = {name: f"http://{address}" for name, address in addresses.items()}
    envoy = RunningEnvoy(envoy_options())
    yield envoy
    envoy.stop()


@pytest.mark.gateway
def test_quota_refuses_at_the_gateway_and_opens_at_midnight(running, backend, subscription):
    """The midnight of Kathmandu, which is a quarter past the hour in UTC."""
    plan, api = subscription.plan, subscription.api
    plan.time_zone = "Asia/Kathmandu"
    plan.save()
    api.versions.update(upstreams={"production": {"url": backend, "timeout_seconds": 5}}, base_path="/orders")
    key = factories.KeyFactory(application=subscription.application).secret
    agent = Agent(Publisher(running.options), running.options.probe_secret)
    tail = Tail(AccessLog(running.options, 10_000_000))
    agent._publish_whole(compile_all(None, reconciling=True))
    running.start()

    def called_now():
        return running.call("/orders/items", key=key)

    assert [called_now().status for _ in range(12)] == [200] * 12
    wait_until(lambda: tail.step() or QuotaUse.objects.filter(used=12).exists())
    agent._publish_whole(compile_all(None, reconciling=True))
    wait_until(lambda: called_now().status == 429)
    refused = called_now()
    end = period_of("day", plan.time_zone, timezone.now())[1]
    assert refused.reason == "quota_exceeded"
    assert refused.headers["content-type"] == "application/problem+json"
    assert parsedate_to_datetime(refused.headers["retry-after"]) == end
    with time_machine.travel(end - dt.timedelta(seconds=1), tick=False):
        agent._publish_whole(compile_all(None, reconciling=True))
        assert called_now().status == 429
    with time_machine.travel(end, tick=False):
        agent._publish_whole(compile_all(None, reconciling=True))
        wait_until_open(called_now)


def wait_until_open(called_now):
    """Without a clock: it is stopped."""
    for _ in range(2000):
        if called_now().status == 200:
            return
    raise AssertionError("still refused")
