"""A person's script: signs in once for a personal token, then REST and JSON."""

import html
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.stack import Answer, Stack, bearer, call

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Caller:
    """Somebody's personal token and what it is sent with."""

    stack: Stack
    token: str

    def get(self, path: str) -> Any:
        answer = call(f"{self.stack.portal}/api/v1{path}", headers=bearer(self.token))
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, expected: int = 200, **body: Any) -> Any:
        return self._send("POST", path, expected, body)

    def put(self, path: str, **body: Any) -> Any:
        return self._send("PUT", path, 200, body)

    def _send(self, method: str, path: str, expected: int, body: dict[str, Any]) -> Any:
        headers = {**bearer(self.token), "Content-Type": "application/json"}
        answer = call(
            f"{self.stack.portal}/api/v1{path}", method=method, headers=headers, body=json.dumps(body)
        )
        assert answer.status == expected, answer
        return answer.json


def personal_token(stack: Stack, email: str, *scopes: str) -> str:
    """Sign in and make a token on its page: the only step that a person has to do."""
    login, tokens = f"{stack.portal}/login/", f"{stack.portal}/account/tokens/"
    page = call(login)
    cookies = cookies_of(page)
    form = {"login": email, "password": stack.password(email), "csrfmiddlewaretoken": csrf_of(page)}
    signed_in = call(login, method="POST", headers={**FORM, "Cookie": cookies}, body=urlencode(form))
    assert signed_in.status == 302, signed_in
    cookies = cookies_of(signed_in)
    page = call(tokens, headers={"Cookie": cookies})
    fields = [("csrfmiddlewaretoken", csrf_of(page)), ("name", "journey"), ("days", "1")]
    fields += [("scopes", scope) for scope in scopes]
    made = call(tokens, method="POST", headers={**FORM, "Cookie": cookies}, body=urlencode(fields))
    found = re.search(r"Authorization: Bearer ([\w.~-]+)", html.unescape(made.body))
    assert found, made
    return found[1]


def cookies_of(answer: Answer) -> str:
    return "; ".join(line.partition(";")[0] for line in answer.headers["set-cookie"].splitlines())


def csrf_of(page: Answer) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    assert found, page
    return found[1]
