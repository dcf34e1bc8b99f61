import datetime as dt
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from portal.accesslog import FORMAT, AccessLog, without_keys


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/password/reset/key/1-c4x8-0f3a/", "/password/reset/key/…/"),
        ("/confirm-email/MQ:1tAbc:x_y-z/", "/confirm-email/…/"),
        ("/password/reset/key/done/", "/password/reset/key/done/"),
        ("/confirm-email/", "/confirm-email/"),
        ("/apis/confirm-email-service/", "/apis/confirm-email-service/"),
    ],
)
def test_access_log_hides_a_mailed_link(path: str, shown: str):
    assert without_keys(path) == shown


def test_access_log_line_has_no_query_referer_or_header():
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/device/%0aforged?user_code=WDJB-MJHT",
        "PATH_INFO": "/device/\nforged",
        "QUERY_STRING": "user_code=WDJB-MJHT",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_REFERER": "http://portal/password/reset/key/1-c4x8/",
        "HTTP_COOKIE": "portico_session=tasty",
    }
    response = SimpleNamespace(status="200 OK", sent=12, headers=[])
    request = SimpleNamespace(headers=[("COOKIE", "portico_session=tasty")])
    atoms = AccessLog(Config()).atoms(response, request, environ, dt.timedelta(milliseconds=3))
    atoms["t"] = "[now]"
    assert FORMAT % atoms == '192.0.2.7 [now] "GET /device/%0aforged HTTP/1.1" 200 12 bytes 3 ms'
