"""A person with a session, using REST as a browser's script would."""

import http.client
import json
import re
import time
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

# The portal keeps an idle connection for two seconds.
_KEPT_S = 1.0


class Person:
    """Signed in once; calls that follow one another go over one kept connection."""

    def __init__(self, portal: str, email: str, password: str) -> None:
        self._origin = portal
        self._connection = http.client.HTTPConnection(urlsplit(portal).netloc, timeout=30)
        self._cookies: dict[str, str] = {}
        self._used = 0.0
        form = self._send("GET", "/login/")[1]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        if token is None:
            raise RuntimeError("the sign-in page has no form")
        body = urlencode({"login": email, "password": password, "csrfmiddlewaretoken": token[1]})
        status, _ = self._send("POST", "/login/", body, "application/x-www-form-urlencoded")
        if status != 302:
            raise RuntimeError(f"{email} cannot sign in: {status}")

    def close(self) -> None:
        self._connection.close()

    def post(self, path: str, body: dict[str, object]) -> Any:
        """POST to /api/v1/. Raises RuntimeError for anything but a success."""
        status, text = self._send("POST", f"/api/v1{path}", json.dumps(body), "application/json")
        if status >= 300:
            raise RuntimeError(f"POST {path} answered {status}: {text[:500]}")
        return json.loads(text)

    def tried(self, path: str, body: dict[str, object]) -> Any:
        """The same, but None for anything but a success."""
        status, text = self._send("POST", f"/api/v1{path}", json.dumps(body), "application/json")
        return json.loads(text) if status < 300 else None

    def get(self, path: str) -> Any:
        """GET of /api/v1/. Raises RuntimeError for anything but a success."""
        status, text = self._send("GET", f"/api/v1{path}")
        if status >= 300:
            raise RuntimeError(f"GET {path} answered {status}: {text[:500]}")
        return json.loads(text)

    def _send(self, method: str, path: str, body: str = "", kind: str = "") -> tuple[int, str]:
        headers = {
            "Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items()),
            "Referer": f"{self._origin}/",
        }
        if body:
            headers |= {"Content-Type": kind, "X-CSRFToken": self._cookies.get("portico_csrf", "")}
        if time.monotonic() - self._used > _KEPT_S:
            self._connection.close()  # opens anew by itself
        self._connection.request(method, path, body or None, headers)
        answer = self._connection.getresponse()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self._cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
        text = answer.read().decode(errors="replace")
        self._used = time.monotonic()
        return answer.status, text
