"""A subscribed application with a client, and the token end point as a client sees it."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from keymanager.actions import Issued
from subscriptions.models import Application
from tests import factories


@pytest.fixture
def application(consumer) -> Application:
    """Of the team `consumers`, subscribed under `gold` to an API whose operations need items:read and items:write."""
    application = factories.ApplicationFactory(name="Checkout")
    version = factories.ApiVersionFactory(
        api=factories.ApiFactory(slug="items"),
        operations=[
            ("GET", "/items", ["items:read"]),
            ("POST", "/items", ["items:write"]),
            ("GET", "/open", []),
        ],
    )
    factories.SubscriptionFactory(
        application=application, api=version.api, plan=factories.PlanFactory(slug="gold")
    )
    return application


@pytest.fixture
def client_of(application, consumer) -> Issued:
    return factories.ClientFactory(application=application, by=consumer)


@pytest.fixture
def key_of(application, consumer) -> Issued:
    return factories.KeyFactory(application=application, by=consumer)


@pytest.fixture
def ask() -> Callable[..., HttpResponse]:
    """POST to the token end point, or to `path`, as a client that proves itself by HTTP Basic."""

    def post(
        issued: Issued | None, *, path: str = "/o/token/", secret: str = "", **fields: Any
    ) -> HttpResponse:
        headers = {}
        if issued is not None:
            pair = f"{issued.credential.public_id}:{secret or issued.secret}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        if path == "/o/token/":
            fields = {"grant_type": "client_credentials", **fields}
        return Client(enforce_csrf_checks=True).post(path, fields, headers=headers)

    return post


@pytest.fixture
def later() -> Callable[[float], Any]:
    """A moment `seconds` from now, for time_machine.travel."""
    return lambda seconds: timezone.now() + timedelta(seconds=seconds)
