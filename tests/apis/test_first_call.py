"""The getting-started lines, pasted into a real shell against a small server that answers as the portal and the gateway."""

import base64
import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from apis.first_call import auth_choices, easiest, first_call
from apis.models import Operation
from tests import factories

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="left out: curl"),
]


@pytest.fixture
def server(settings):
    """Answers a token to the right client, and everything else with what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer()

        def do_POST(self):
            self._answer()

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if self.path == "/o/token/":
                client = base64.b64decode(self.headers["Authorization"].split()[1]).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                answer = {
                    "expires_in": 600,
                    "access_token": f"token-of-{client}",
                    "scope": form.get("scope", ""),
                    **form,
                }
            else:
                headers = {
                    name: self.headers[name] for name in ("Authorization", "X-API-Key") if self.headers[name]
                }
                answer = {"method": self.command, "path": self.path, "body": body, **headers}
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    served = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{served.server_port}"
    settings.PORTAL_URL = address
    settings.GATEWAY_URLS = {"production": address, "sandbox": address}
    yield address
    served.shutdown()
    served.server_close()
    thread.join(5)


def paste(text: str) -> dict:
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=20, check=True)
    return json.loads(done.stdout)


def test_token_call(server):
    call = first_call(factories.ApiVersionFactory(), auth="token").with_client("cred_1")
    assert call.fill_in == ("CLIENT_SECRET",)
    answer = paste(call.text.replace("CLIENT_SECRET", "s3cret"))
    assert answer["Authorization"] == "Bearer token-of-cred_1:s3cret"
    assert answer["path"].endswith("/items")


def test_key_call(server):
    answer = paste(
        first_call(factories.ApiVersionFactory(), auth="key").text.replace("API_KEY", "ptk_test_1", 1)
    )
    assert answer["X-API-Key"] == "ptk_test_1"


def test_public_call_needs_nothing_filled_in(server):
    call = first_call(factories.ApiVersionFactory(security={"public": True}))
    assert call.fill_in == ()
    assert paste(call.text)["method"] == "GET"


def test_graphql_call_asks_something(server):
    version = factories.ApiVersionFactory(
        api=factories.ApiFactory(type="graphql"),
        security={"public": True},
        operations=[("QUERY", "products", [])],
    )
    answer = paste(first_call(version).text)
    assert (answer["method"], json.loads(answer["body"])) == ("POST", {"query": "{ __typename }"})


def test_scopes_are_all_asked_for(server):
    version = factories.ApiVersionFactory(operations=[("POST", "/items", ["items:read", "items:write"])])
    assert "-d scope='items:read items:write'" in first_call(version, auth="token").text


@pytest.mark.parametrize("path", ["/a'b/$(touch x)", "/`id`", "/{id};ls", '/"$HOME"'])
def test_hostile_paths_stay_in_quotes(server, path):
    version = factories.ApiVersionFactory(security={"public": True}, operations=[("GET", path, [])])
    text = first_call(version).text
    done = subprocess.run(
        ["sh", "-c", text.replace("curl", "printf '%s\\n'", 1)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith(path.replace("{id}", "1"))


def test_easiest_reads_without_parameter_or_scope():
    operations = [
        Operation(position=0, method="POST", path="/a"),
        Operation(position=1, method="GET", path="/a/{id}"),
        Operation(position=2, method="GET", path="/b", scopes=["b"]),
        Operation(position=3, method="GET", path="/c"),
    ]
    assert easiest(operations).path == "/c"
    assert easiest([]) is None


def test_nothing_to_call_for_events_or_without_environment(server):
    assert first_call(factories.ApiVersionFactory(api=factories.ApiFactory(type="asyncapi"))) is None
    assert first_call(factories.ApiVersionFactory(upstreams={})) is None
    closed = factories.ApiVersionFactory(security={"oauth2": False, "api_key": False})
    assert auth_choices(closed) == {}
    assert first_call(closed) is None
