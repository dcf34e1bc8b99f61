"""People to act as, a cluster in a folder, and a word at the end about what was left out."""

import os
from collections.abc import Callable, Iterator

import hypothesis
import pytest
from django.test import Client

from portal.accounts.models import TeamRole, User
from tests import factories

pytest_plugins = ["tests.cluster.fixtures", "tests.stack"]

REQUIRE_ALL = os.environ.get("PORTICO_REQUIRE_ALL") == "1"
LEFT_OUT = "left out: "
_left_out: set[str] = set()

# The same examples in every run: no commit is judged by luck. New ones, and any number of them, are tried by hand.
hypothesis.settings.register_profile("portico", derandomize="PORTICO_FUZZ_EXAMPLES" not in os.environ)
hypothesis.settings.load_profile("portico")


@pytest.fixture(autouse=True)
def _fast_and_quiet(settings, tmp_path) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "keymanager.hashers.GeneratedSecretHasher",
    ]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    settings.WHITENOISE_AUTOREFRESH = True
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def _tasks_run_at_once() -> Iterator[None]:
    """Tasks run in the test's own transaction; the queue itself is tested by tests/embedded and the journeys."""
    from portal.celery import app

    before = app.conf.task_always_eager, app.conf.task_eager_propagates
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager, app.conf.task_eager_propagates = before


@pytest.fixture(autouse=True)
def _no_signing_keys_of_another_test() -> None:
    """A process keeps its keys in memory; each test has a database of its own."""
    from keymanager import signing

    signing.forget()


@pytest.fixture(autouse=True)
def _no_failures_of_another_test() -> None:
    from portal.accounts import limits

    limits.forget()


@pytest.fixture
def consumer(db) -> User:
    """Maintains the team `consumers`."""
    return factories.person("Cora Consumer", team="consumers", role=TeamRole.MAINTAINER)


@pytest.fixture
def publisher(db) -> User:
    """Maintains the team `publishers`, which owns the APIs that the factories make."""
    return factories.person("Pia Publisher", team="publishers", role=TeamRole.MAINTAINER)


@pytest.fixture
def admin(db) -> User:
    return factories.UserFactory(name="Ada Admin", email="ada@example.com", is_admin=True)


@pytest.fixture
def stranger(db) -> User:
    """Signed in, and in no team that matters here."""
    return factories.person("Stan Stranger", team="strangers", role=TeamRole.OWNER)


@pytest.fixture
def client_as() -> Callable[[User | None], Client]:
    def signed_in(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return signed_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that run side by side, those of a file stay together, and so do all that share the one kube-apiserver."""
    for item in items:
        shares = "kubernetes" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("cluster" if shares else item.nodeid.partition("::")[0]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where all is required, leaving a test out is failing."""
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_ALL and (what := _left_out_by(report)):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was left out, and PORTICO_REQUIRE_ALL=1: {what}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if what := _left_out_by(report):
        _left_out.add(what)


def _left_out_by(report: pytest.TestReport) -> str:
    if not report.skipped:
        return ""
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.partition(LEFT_OUT)[2]


def pytest_terminal_summary(terminalreporter) -> None:
    for what in sorted(_left_out):
        terminalreporter.write_line(f"Left out: {what}")
