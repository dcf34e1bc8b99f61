"""What no check of ours has caught, and Envoy refuses: it is held back alone, and nobody else notices."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from django.db import connections

from apis.models import ApiVersion, Operation, Plan
from bench.traffic import Traffic
from gateway import compile as compiling
from gateway.agent import compile_all
from gateway.models import Receipt, ReceiptStatus, VersionProblem
from gateway.publish import Publisher, envoy_options
from gateway.targets.envoy import clusters, routes, trial
from keymanager import tokens
from subscriptions import actions
from subscriptions.models import Subscription
from tests import factories
from tests.gateway.envoy import RunningEnvoy, wait_until
from tests.gateway.running import RunningAgent, agent, boss, call, proven, running, story, tell  # noqa: F401

pytestmark = [pytest.mark.gateway, pytest.mark.django_db(transaction=True)]
# Each kind and a word of Envoy's about it.
BROKEN = {
    "broken-regex": "missing ): (((",
    "broken-rewrite": "missing ]: [",
    "broken-upstream": "malformed IP address",
    "broken-header": "Proto constraint validation failed",
    "broken-timeout": "duration must start with an integer",
}


@pytest.fixture(autouse=True)
def _past_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the broken ones pass, and make of them what Envoy cannot take."""
    check, match, action, address = (
        compiling.check_version,
        routes.path_match,
        routes._action,
        clusters.is_address,
    )

    def rewritten(version: object) -> dict:
        made = action(version)
        if version.api == "broken-rewrite":
            made["regex_rewrite"] = {"pattern": {"regex": "["}, "substitution": "/"}
        return made

    def matched(base: str, path: str) -> dict:
        return {"safe_regex": {"regex": "((("}} if path == "/regex" else match(base, path)

    monkeypatch.setattr(
        compiling, "check_version", lambda it: [] if it.api.startswith("broken-") else check(it)
    )
    monkeypatch.setattr(routes, "path_match", matched)
    monkeypatch.setattr(routes, "_action", rewritten)
    monkeypatch.setattr(clusters, "is_address", lambda host: host == "nowhere.example" or address(host))


def upstreams(url: str, timeout: object = 5) -> dict:
    return {name: {"url": url, "timeout_seconds": timeout} for name in ("production", "sandbox")}


def broken_version(name: str, backend: str) -> ApiVersion:
    """One of BROKEN."""
    changes: dict[str, dict] = {
        "broken-regex": {"operations": [("GET", "/items", []), ("GET", "/regex", [])]},
        "broken-upstream": {"upstreams": upstreams("http://nowhere.example")},
        "broken-header": {"mediation": {"response_headers": {"set": {"x bad\n": "1"}}}},
        "broken-timeout": {"upstreams": upstreams(backend, "inf")},
    }
    fields = {"upstreams": upstreams(backend), "base_path": f"/{name}", **changes.get(name, {})}
    return factories.ApiVersionFactory(api=factories.ApiFactory(slug=name), **fields)


def good_version(name: str, backend: str) -> ApiVersion:
    return factories.ApiVersionFactory(
        api=factories.ApiFactory(slug=name), upstreams=upstreams(backend), base_path=f"/{name}"
    )


@contextmanager
def called(envoy: RunningEnvoy, subscription: Subscription) -> Iterator[Traffic]:
    """Calls of the good API all the while; each must be answered 200."""
    address = envoy.options.listeners["production"]
    url = f"http://{address.host}:{address.port}{subscription.api.current_version.base_path}/items"
    token = tokens.mint(application=subscription.application, environment="production")
    callers = {"good": lambda: {"authorization": f"Bearer {token}"}}
    with Traffic(url, rate=50, callers=callers, at_end=connections.close_all, threads=1) as traffic:
        yield traffic
        goal = len(traffic.calls) + 5
        wait_until(lambda: len(traffic.calls) >= goal, what=lambda: traffic.failed)
    assert {made.status for made in traffic.calls} == {200}


@pytest.fixture
def good(agent: RunningAgent, story: Subscription, boss) -> Subscription:  # noqa: F811
    """A subscription whose calls are let through."""
    Plan.objects.update(rate_requests=100_000, burst=10_000)
    actions.approve(subscription=story, by=boss)
    tell(story.api.current_version, "published")
    proven(story.api.current_version, "published")
    proven(story, "approved")
    return story


def stuck(version: ApiVersion | Subscription) -> Receipt:
    """Its newest receipt, once it is stuck."""

    def newest() -> Receipt:
        return Receipt.objects.about(version).first()

    wait_until(
        lambda: newest().status == ReceiptStatus.STUCK,
        what=lambda: (vars(newest()), list(VersionProblem.objects.values())),
    )
    return newest()


def test_what_envoy_refuses_is_held_back_alone(good, running, backend, boss, client) -> None:  # noqa: F811
    with called(running, good):
        broken = [broken_version(name, backend) for name in BROKEN]
        other = good_version("other", backend)
        for version in (*broken, other):
            tell(version, "published")

        proven(other, "published")
        for version in broken:
            receipt = stuck(version)
            assert BROKEN[version.api.slug] in receipt.problem, receipt.problem
            assert "Envoy refuses its" in version.gateway_problem.message
        assert set(VersionProblem.objects.values_list("version__api__slug", flat=True)) == set(BROKEN)

        # Its subscriber is told that much, and no more.
        subscription = factories.SubscriptionFactory(api=broken[1].api, status="pending")
        actions.approve(subscription=subscription, by=boss)
        assert stuck(subscription).problem.endswith("is held back from the gateway; its publishers see why.")

        # Everybody else's changes still go through, and the refused files stay off the disk.
        later = good_version("later", backend)
        tell(later, "published")
        proven(later, "published")
        assert b"nowhere.example" not in (running.options.resources / "cds.json").read_bytes()
        assert b"(((" not in (running.options.resources / "rds.production.json").read_bytes()

        # Mended, it is served.
        regex = broken[0]
        Operation.objects.filter(version=regex, path="/regex").update(path="/plain")
        tell(regex, "changed")
        proven(regex, "changed")
        assert not VersionProblem.objects.filter(version=regex).exists()

    client.force_login(boss)
    page = client.get(broken[1].get_absolute_url()).content.decode()
    assert "The gateway does not serve this version" in page
    assert "Envoy refuses its operations in production" in page


def test_page_tells_consumers_of_it_without_the_reason(client) -> None:
    version = factories.ApiVersionFactory()
    VersionProblem.objects.create(version=version, message="Envoy refuses its upstream")
    client.force_login(factories.UserFactory())
    page = client.get(version.get_absolute_url()).content.decode()

    assert "Its publishers see why." in page
    assert "Envoy refuses" not in page


def test_change_for_the_worse_touches_one_version(good, running, backend) -> None:  # noqa: F811
    """It was served before; now its page says why it is not, and it is again when it is put back."""
    version = good_version("broken-rewrites", backend)
    tell(version, "published")
    proven(version, "published")
    with called(running, good):
        Operation.objects.filter(version=version, method="GET").update(path="/regex")
        tell(version, "changed")
        assert "(((" in stuck(version).problem
        Operation.objects.filter(version=version, method="GET").update(path="/items")
        tell(version, "changed")
        proven(version, "changed")


def test_agents_come_and_go_beside_what_is_broken(running, story, backend, boss) -> None:  # noqa: F811
    """One of them is killed when it has written what Envoy refuses."""
    Plan.objects.update(rate_requests=100_000, burst=10_000)
    with closing(RunningAgent().start()):
        wait_until(running.options.bootstrap.exists)
        running.start()
        actions.approve(subscription=story, by=boss)
        proven(story, "approved")
    with called(running, story):
        broken = [broken_version(name, backend) for name in ("broken-regex", "broken-upstream")]
        # What an agent leaves behind that is killed before Envoy answers.
        left = compile_all(None, reconciling=True)
        Publisher(envoy_options()).write(compiling.snapshot(left.catalog, left.access), {})
        table = running.options.resources / "rds.production.json"
        assert b"(((" in table.read_bytes()

        for name in ("one", "two"):
            other = good_version(name, backend)
            tell(other, "published")
            with closing(RunningAgent().start()):
                proven(other, "published")
                for version in broken:
                    assert BROKEN[version.api.slug] in VersionProblem.objects.get(version=version).message
            assert b"(((" not in table.read_bytes()
    running.stop(kill=True)
    running.start()
    assert call(running, story).status == 200


def test_too_many_suspects_are_held_back_together(good, running, backend, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(trial, "MAX_TRIALS", 0)
    with called(running, good):
        broken = broken_version("broken-regex", backend)
        tell(broken, "published")
        assert "too many to try each" in stuck(broken).problem
        other = good_version("other", backend)
        tell(other, "published")
        proven(other, "published")


def test_five_thousand_operations_harm_no_other(good, running, backend) -> None:  # noqa: F811
    """And one more than that is held back with the reason."""
    with called(running, good):
        large, over = good_version("large", backend), good_version("over", backend)
        for version, count in ((large, 4998), (over, 4999)):
            Operation.objects.bulk_create(
                Operation(version=version, position=n + 2, method="GET", path=f"/{{id}}/parts/{n}")
                for n in range(count)
            )
            tell(version, "published")
        proven(large, "published")
        assert "5001 operations" in stuck(over).problem
        subscription = factories.SubscriptionFactory(application=good.application, api=large.api)
        tell(large, "changed")
        proven(large, "changed")
        token = tokens.mint(application=subscription.application, environment="production")
        wait_until(lambda: running.call("/large/7/parts/4997", token=token).status == 200)


@pytest.mark.parametrize("harm", ["truncated", "emptied", "edited", "deleted"])
def test_files_heal_without_any_change(harm, good, running) -> None:  # noqa: F811
    """Long before the minute's reconcile, and Envoy reads them again."""
    wait_until(lambda: not Receipt.objects.filter(status=ReceiptStatus.RUNNING).exists())
    folder = running.options.resources
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    with called(running, good):
        for path, body in whole.items():
            if harm == "deleted":
                path.unlink()
            else:
                changed = {"truncated": body[: len(body) // 2], "emptied": b"", "edited": body + b" "}
                path.write_bytes(changed[harm])
        wait_until(
            lambda: all(path.exists() and path.read_bytes() == body for path, body in whole.items()),
            seconds=10,
            what=lambda: [path.name for path, body in whole.items() if path.read_bytes() != body],
        )
        assert call(running, good).status == 200
    running.stop(kill=True)
    running.start()
    assert call(running, good).status == 200
