"""An API to try, behind a real Envoy: the person's own subscription, and a backend that answers in every awkward way."""

import hashlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.test import Client

from apis.models import ApiVersion, Document
from gateway import compile as compiled
from keymanager import signing
from portal.accounts.models import User
from subscriptions.models import Subscription
from tests import factories
from tests.gateway.envoy import RunningEnvoy, wait_until
from tests.gateway.kinds import Kinds

OPENAPI = """\
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /items:
    get:
      operationId: listItems
      parameters:
        - {name: limit, in: query, required: true, schema: {type: integer, minimum: 2}}
        - {name: state, in: query, schema: {type: string, enum: [open, paid]}}
        - {name: X-Shop, in: header, required: true, schema: {type: string, example: eu-main}}
        - {name: X-Portico-Probe, in: header, schema: {type: string}}
        - {name: Cookie, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
      responses: {"200": {description: Fine}}
    post:
      operationId: addItem
      requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {sku: {type: string}, lines: {type: integer}}, required: [sku]}}}}
      responses: {"201": {description: Made}}
  /items/{id}: {get: {operationId: readItem, parameters: [{name: id, in: path, required: true, schema: {type: string, example: a1}}], responses: {"200": {description: Fine}}}}
  /files:
    post:
      operationId: addFile
      requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {title: {type: string}, photo: {type: string, format: binary}}}}}}
      responses: {"201": {description: Made}}
  /events: {get: {operationId: hear, responses: {"200": {description: All, content: {text/event-stream: {schema: {type: string}}}}}}}
  /drip: {get: {operationId: drip, responses: {"200": {description: Slow}}}}
  /silent: {get: {operationId: wait, responses: {"200": {description: Never}}}}
  /big: {get: {operationId: big, responses: {"200": {description: Large}}}}
  /endless: {get: {operationId: endless, responses: {"200": {description: Without end}}}}
  /moved: {get: {operationId: moved, responses: {"302": {description: Elsewhere}}}}
  /page: {get: {operationId: page, responses: {"200": {description: A page}}}}
  /image: {get: {operationId: image, responses: {"200": {description: An image}}}}
  /secret: {get: {operationId: secret, responses: {"200": {description: Scoped}}}}
"""
ASYNCAPI = """\
asyncapi: 3.0.0
info: {title: Talk, version: "1"}
servers: {main: {host: example.com, protocol: wss}}
channels:
  room: {address: "/rooms/{name}", parameters: {name: {default: hall}}, messages: {said: {payload: {type: object, properties: {text: {type: string, examples: [hello]}}}}}}
operations:
  say: {action: receive, channel: {$ref: "#/channels/room"}}
  hear: {action: send, channel: {$ref: "#/channels/room"}}
"""
REDIRECT_TO = "http://169.254.169.254/latest/meta-data/"
BIG = 12 * 1024 * 1024


class Awkward(Kinds):
    """Kinds, and answers that drip, never come, never end, lead elsewhere, or would harm a page."""

    opened: ClassVar[list[str]] = []
    closed: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rsplit("/", 1)[-1]
        special = getattr(self, f"give_{name}", None)
        if special is None:
            super().do_GET()
        else:
            self.close_connection = True
            special()

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.flush()

    def give_drip(self) -> None:
        self.head(200, content_type="text/plain")
        try:
            while True:
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.closed.set()

    def give_silent(self) -> None:
        self.connection.settimeout(20)
        self.connection.recv(1)
        self.closed.set()

    def give_big(self) -> None:
        self.head(200, content_type="text/plain", content_length=str(BIG))
        self.wfile.write(b"x" * BIG)

    def give_endless(self) -> None:
        self.head(200, content_type="text/plain")
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.closed.set()

    def give_moved(self) -> None:
        self.head(302, location=REDIRECT_TO, set_cookie="a=b", content_length="0")

    def give_page(self) -> None:
        body = b"<script>alert(1)</script><img src=x onerror=alert(2)>"
        self.head(200, content_type="text/html", x_portal_inside="1", content_length=str(len(body)))
        self.wfile.write(body)

    def give_image(self) -> None:
        self.head(200, content_type="image/png", content_length="4")
        self.wfile.write(b"\x89PNG")


@dataclass
class Shop:
    """The version, who may try it, and the gateway that serves it."""

    envoy: RunningEnvoy
    backend: str
    version: ApiVersion
    subscription: Subscription
    person: User
    client: Client = field(default_factory=Client)

    @property
    def application(self) -> str:
        return self.subscription.application.public_id

    def publish(self) -> None:
        """Put what the database says into the gateway, and wait until it answers so."""
        signing.ensure_signing_keys()
        self.envoy.write(compiled.snapshot(compiled.catalog(), compiled.access()))
        token = self.token()
        wait_until(
            lambda: (
                self.envoy.call(self.version.base_path + "/ready", token=token).status in (200, 404)
                and self.envoy.call(self.version.base_path + "/items", token=token).status == 200
            ),
            what=lambda: self.envoy.call(self.version.base_path + "/items", token=token),
        )

    def token(self) -> str:
        from gateway.tryit.actions import mint_token

        return mint_token(
            application=self.subscription.application,
            version=self.version,
            environment="production",
            by=self.person,
        )

    def url(self, operation: str) -> str:
        return f"/try/{self.version.api.slug}/{self.version.version}/{operation}/"

    def send(self, operation: str, *, headers: dict[str, str] | None = None, **given: Any) -> Any:
        """POST the form as a browser would, but for what is said."""
        posted = {"environment": "production", "credential": self.application, **given}
        return self.client.post(self.url(operation), posted, headers=headers)


OPERATIONS = [
    *(
        ("GET", path, [])
        for path in ("/items", "/items/{id}", "/events", "/drip", "/silent", "/big", "/endless")
    ),
    *(("GET", path, []) for path in ("/moved", "/page", "/image")),
    ("GET", "/secret", ["shop:secret"]),
    ("POST", "/items", []),
    ("POST", "/files", []),
]


def shop(envoy: RunningEnvoy, backend: str, person: User, **fields: Any) -> Shop:
    """A described version behind the gateway, to which an application of the person's team is subscribed."""
    upstreams = {env: {"url": backend, "timeout_seconds": 60} for env in ("production", "sandbox")}
    version = factories.ApiVersionFactory(
        **{
            "upstreams": upstreams,
            "operations": OPERATIONS,
            "plans": [factories.PlanFactory(burst=1000)],
            **fields,
        }
    )
    describe(version, OPENAPI)
    application = factories.ApplicationFactory(team=factories.TeamFactory(slug="consumers"), name="Checkout")
    subscription = factories.SubscriptionFactory(
        application=application, api=version.api, plan=version.plans.get()
    )
    made = Shop(envoy, backend, version, subscription, person)
    made.client.force_login(person)
    return made


def describe(version: ApiVersion, text: str, form: str = "openapi-3.1") -> None:
    digest = hashlib.sha256(f"{version.pk}{text}".encode()).hexdigest()
    version.document = Document.objects.create(version=version, sha256=digest, format=form, text=text)
    version.save(update_fields=["document"])


def body_of(response: Any) -> dict[str, Any]:
    """The JSON that the page shows as the answer's body."""
    import html
    import re

    found = re.search(
        r'aria-label="Body of the answer"><code>(.*?)</code>', response.content.decode(), re.DOTALL
    )
    assert found, response.content.decode()[:3000]
    return json.loads(html.unescape(re.sub(r"<[^>]+>", "", found[1])))


def dead_end() -> socket.socket:
    """A listener of this machine that is no gateway's: it must never be called."""
    return socket.create_server(("127.0.0.1", 0))
