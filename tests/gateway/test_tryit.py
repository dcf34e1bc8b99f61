"""Trying an operation through the real gateway: what is sent, what comes back, and what never goes through."""

import re
import time
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gateway.tryit import places
from portal.accounts.models import AuditEvent
from tests import factories
from tests.gateway.trying import REDIRECT_TO, Awkward, Shop, body_of, dead_end, shop

pytestmark = [pytest.mark.gateway, pytest.mark.django_db]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def tried(try_envoy, try_backend, settings, consumer) -> Shop:
    made = shop(try_envoy, try_backend, consumer)
    made.publish()
    return made


def text(response) -> str:
    return response.content.decode()


def test_call_goes_through_with_a_token_of_its_own(tried):
    response = tried.send("listItems", **{"query.limit": "2", "header.X-Shop": "eu"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    sent = body_of(response)
    assert (sent["method"], sent["path"]) == ("GET", "/items?limit=2")
    assert sent["headers"]["x-shop"] == "eu"
    assert sent["headers"]["x-portal-app"] == tried.application
    assert "200 OK" in text(response)
    event = AuditEvent.objects.filter(event="token_minted").latest("pk")
    assert event.data["lifetime"] == 300


def test_token_opens_this_api_alone(tried):
    other = factories.ApiVersionFactory(upstreams=tried.version.upstreams, operations=[("GET", "/items", [])])
    factories.SubscriptionFactory(application=tried.subscription.application, api=other.api)
    tried.publish()
    token = tried.token()
    assert tried.envoy.call(f"{tried.version.base_path}/items", token=token).status == 200
    assert tried.envoy.call(f"{other.base_path}/items", token=token).reason == "wrong_audience"


def test_only_the_forms_own_headers_go_through(tried):
    tried.client.cookies["portico_x"] = "1"
    given = {"query.limit": "2", "header.X-Shop": "eu", "header.Cookie": "a=b", "header.X-Portico-Probe": "1"}
    given |= {"header.Host": "evil", "header.Authorization": "Bearer x", "cookie.session": "1"}
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-Portico-Probe": "x",
        "Via": "1.1 x",
    }
    sent = body_of(tried.send("listItems", headers=headers, **given))["headers"]
    added = {name for name in sent if name.startswith(("x-envoy-", "x-portal-"))}
    added |= {"x-request-id", "x-forwarded-proto", "x-forwarded-for"}
    assert set(sent) - added == {"host", "accept", "user-agent", "x-shop"}
    assert "203.0.113.9" not in str(sent)


@pytest.mark.parametrize("operation", ["moved", "page", "image"])
def test_nothing_of_an_answer_is_believed(tried, operation):
    response = tried.send(operation)
    found = text(response)
    assert "a=b" not in str(response.cookies)
    assert "x-portal-inside" not in found and "x-envoy-" not in found and "x-portico-" not in found
    assert "<script>alert" not in found and "<img" not in found
    if operation == "moved":
        assert "302 Found" in found and REDIRECT_TO in found and "not followed" in found
    if operation == "image":
        assert 'download="answer.png"' in found and "data:application/octet-stream;base64," in found


ADDRESSES = [
    "http://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "@127.0.0.1:{port}/",
    "/../../127.0.0.1:{port}/",
    "[::1]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "http://user@127.0.0.1:{port}/",
    "2130706433:{port}",
    "0x7f.1:{port}",
    "localhost.:{port}",
    "169.254.169.254",
    "a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\nGET /",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_input_names_another_address(tried, address):
    with dead_end() as elsewhere:
        wish = address.format(port=elsewhere.getsockname()[1])
        given = {"query.limit": wish, "header.X-Shop": wish.splitlines()[0], "header.Host": wish, "url": wish}
        sent = body_of(tried.send("listItems", **given))
        assert sent["headers"]["host"] == tried.backend.removeprefix("http://")
        assert sent["path"].startswith("/items?limit=")
        for answer in (
            tried.send("readItem", **{"path.id": wish}),
            tried.send("page", environment=wish),
            tried.client.post(f"/try/{quote(wish, safe='')}/1.0.0/page/", {}),
        ):
            assert answer.status_code in (200, 400, 404)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_saved_answer_breaks_off_at_the_limit(tried, settings):
    response = tried.send("image", save="1")
    assert response["Content-Disposition"] == 'attachment; filename="answer.png"'
    assert response["Content-Type"] == "application/octet-stream"
    assert b"".join(response.streaming_content) == b"\x89PNG"
    settings.TRY_BYTES = 1024 * 1024
    assert "1 MB can be saved" in text(tried.send("big", save="1"))
    endless = tried.send("endless", save="1")
    with pytest.raises(ConnectionError, match="larger"):
        b"".join(endless.streaming_content)
    endless.close()
    assert not places._Held.people


def test_body_of_ten_megabytes_goes_through(tried, settings):
    file = SimpleUploadedFile("a.json", b"[" + b" " * (settings.TRY_BYTES - 2) + b"]")
    assert "200 OK" in text(tried.send("addItem", file=file))


def test_body_is_sent_as_typed(tried):
    sent = body_of(tried.send("addItem", body='{"sku":\r\n"ä"}', type="application/json"))
    assert sent["body"].encode("latin-1").decode() == '{"sku":\n"ä"}'
    assert sent["headers"]["content-type"] == "application/json"


def test_refusal_is_explained(tried):
    response = tried.send("secret", credential="none")
    found = text(response)
    assert "401 Unauthorized" in found and "None was sent." in found
    assert re.search(r'href="/why/\?request=[0-9a-f-]{36}"', found)
    assert "API <b>not asked</b>" in found.replace("\n", "")
    assert "key_unknown" in text(tried.send("page", credential="key", key="ptk_live_nobody_has_this"))


def test_key_is_neither_shown_nor_kept(tried, caplog):
    key = factories.KeyFactory(application=tried.subscription.application).secret
    tried.publish()
    response = tried.send("page", credential="key", key=key)
    found = text(response)
    assert "200 OK" in found and "X-API-Key: API_KEY" in found
    assert key not in found and key not in caplog.text
    assert not AuditEvent.objects.filter(data__icontains=key).exists()


def test_time_is_split(tried):
    found = re.sub(r"\s+", " ", text(tried.send("page", headers=HTMX)))
    assert re.search(
        r"Portal <b>\d+ ms</b></span> <span>Gateway <b>\d+ ms</b></span> <span>API <b>\d+ ms</b>", found
    )
    assert "<html" not in found


def test_drip_ends_at_the_deadline(tried, settings):
    settings.TRY_SECONDS = 1
    began = time.monotonic()
    found = text(tried.send("drip"))
    assert "still coming after 1 s" in found
    assert 1 <= time.monotonic() - began < 10
    response = tried.send("wait")
    assert response.status_code == 504 and "did not answer within 1 s" in text(response)


def test_large_answer_is_cut_on_the_page(tried):
    found = text(tried.send("endless"))
    assert "larger than a page can hold" in found
    assert len(found) < 800_000
    assert Awkward.closed.wait(10)


def test_place_is_free_again(tried):
    for operation in ("page", "moved", "image"):
        tried.send(operation)
    assert not places._Held.people
    with_place = places.take(tried.person)
    busy = tried.send("page")
    assert busy.status_code == 429 and "still runs" in text(busy)
    with_place.free()
    assert tried.send("page").status_code == 200


def test_process_has_a_limit_of_its_own(tried, settings, admin):
    settings.TRIES_AT_ONCE = 1
    held = places.take(admin)
    response = tried.send("page")
    held.free()
    assert response.status_code == 503 and "Others are trying" in text(response)


def test_person_has_a_rate(tried, settings):
    settings.TRIES_A_MINUTE = 2
    assert [tried.send("page").status_code for _ in range(3)] == [200, 200, 429]


def test_unseen_version_is_not_found(tried, stranger):
    tried.version.api.visibility = "team"
    tried.version.api.save()
    client = Client()
    client.force_login(stranger)
    assert client.post(tried.url("page")).status_code == 404


def test_only_a_checked_post_sends(tried):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(tried.person)
    assert strict.post(tried.url("page")).status_code == 403
    assert tried.client.get(tried.url("page")).status_code == 302
    assert Client().post(tried.url("page"))["Location"].startswith("/login/")
