"""A person with a browser and a client of theirs, who bring secrets wherever the portal takes any, rightly and wrongly."""

import base64
import hashlib
import html
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import psycopg
from jwcrypto import jwk, jwt

from tests.journeys.caller import FORM, csrf_of
from tests.stack import Answer, Stack, bearer, call, until

JSON = {"Content-Type": "application/json"}
CALLBACK = "http://127.0.0.1/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def database_url(stack: Stack) -> str:
    password, port = ((stack.state / "postgres" / name).read_text().strip() for name in ("password", "port"))
    return f"postgresql://portico:{password}@127.0.0.1:{port}/portico"


@dataclass
class Garden:
    """What was planted, by name, and every answer that refused something."""

    stack: Stack
    planted: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, text: str) -> str:
        assert len(text) >= 8, name
        self.planted[name] = text
        return text

    # ---- asking ---------------------------------------------------------------------------------------------------
    def ask(self, url: str, *, body: str | None = None, **headers: str) -> Answer:
        """As anybody; a path is one of the portal's. What refuses is kept."""
        address = url if "://" in url else f"{self.stack.portal}{url}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = call(address, method="GET" if body is None else "POST", headers=named, body=body)
        if answer.status >= 400:
            told = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
            self.refusals.append(f"{url.partition('?')[0]} {answer.status} {told} {answer.body}")
        return answer

    def open(self, path: str) -> Answer:
        return self._as_browser(path, None)

    def submit(self, path: str, **fields: str) -> Answer:
        """A form as the browser sends it, with the token of its page."""
        token = csrf_of(self.open(path))
        return self._as_browser(path, urlencode({"csrfmiddlewaretoken": token, **fields}))

    def _as_browser(self, path: str, body: str | None) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.ask(path, body=body, Cookie=cookie, Referer=f"{self.stack.portal}{path}", **FORM)
        for line in answer.headers.get("set-cookie", "").splitlines():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def rest(self, path: str, token: str, **body: Any) -> Any:
        answer = self.ask(f"/api/v1{path}", body=json.dumps(body), **bearer(token), **JSON)
        assert answer.status in {200, 201}, answer
        return answer.json

    def token(self, client: Mapping[str, str], **fields: str) -> Any:
        """The token end point's answer to a client with a secret."""
        pair = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
        return self.ask("/o/token/", body=urlencode(fields), Authorization=f"Basic {pair}", **FORM).json

    # ---- people ---------------------------------------------------------------------------------------------------
    def people(self) -> None:
        """Signs up, forgets the password, takes a new one, and signs in; each time wrongly first."""
        email = f"planter-{secrets.token_hex(4)}@example.com"
        first, second, wrong = (
            self.plant(f"{n} password", f"pw-{secrets.token_hex(8)}") for n in ("first", "second", "wrong")
        )
        self.submit("/signup/", email="no address", name="Planter", password1=first)
        assert self.submit("/signup/", email=email, name="Planter", password1=first).status == 302
        self.plant("first session", self.cookies["portico_session"])
        self.submit("/logout/")
        self.cookies.clear()
        assert self.submit("/password/reset/", email=email).status == 302
        found = re.search(r"/password/reset/key/([^/\s]+)/", self._mail_to(email))
        assert found
        self.plant("reset key", found[1].partition("-")[2])
        self.ask(f"/password/reset/key/{found[1]}x/")
        page = self.open(f"/password/reset/key/{found[1]}/")
        path = urlsplit(page.headers["location"]).path
        assert self.submit(path, password1=second, password2=second).status == 302
        self.cookies.clear()
        self.submit("/login/", login=email, password=wrong)
        self.submit("/login/", login=email, password=f"{wrong}\0")
        assert self.submit("/login/", login=email, password=second).status == 302
        self.plant("session", self.cookies["portico_session"])
        self.plant("csrf", self.cookies["portico_csrf"])

    def _mail_to(self, email: str) -> str:
        """The newest mail, from where the demo keeps it."""
        with psycopg.connect(database_url(self.stack)) as connection:
            rows = connection.execute(
                'SELECT text FROM accounts_portalmail WHERE "to" = %s ORDER BY id DESC', [email]
            ).fetchall()
        text: str = rows[0][0]
        return text

    def personal_token(self, *scopes: str) -> str:
        fields = [("name", "garden"), ("days", "1"), *(("scopes", scope) for scope in scopes)]
        token = csrf_of(self.open("/account/tokens/"))
        made = self._as_browser("/account/tokens/", urlencode([("csrfmiddlewaretoken", token), *fields]))
        found = re.search(r"Authorization: Bearer ([\w.~-]+)", html.unescape(made.body))
        assert found, made
        return self.plant("personal token", found[1])

    # ---- credentials ----------------------------------------------------------------------------------------------
    def credentials(self, token: str) -> dict[str, Any]:
        """A key and a client by REST and by form, rotated; the client may sign people in."""
        team = json.loads(self.ask("/api/v1/teams/", **bearer(token)).body)["results"][0]["slug"]
        application = self.rest("/applications/", token, name="Garden", team=team)["id"]
        self.rest("/subscriptions/", token, application=application, api="product-catalogue", plan="standard")
        where = f"/applications/{application}/credentials/"
        key = self.rest(where, token, kind="api_key", environment="production", name="Key")
        self.plant("API key", key["api_key"])
        self.plant(
            "rotated API key", self.rest(f"/credentials/{key['id']}/rotate/", token, overlap=900)["api_key"]
        )
        form = {"name": "Web", "environment": "production", "expires": "90", "redirect_uris": CALLBACK}
        page = html.unescape(self.submit(f"/applications/{application}/new-client/", **form).body)
        found = re.search(r"(cred_\w+):(pcs_\w+)", page)
        assert found, page
        client = {"client_id": found[1], "client_secret": self.plant("client secret", found[2])}
        page = html.unescape(self.submit(f"/credentials/{found[1]}/rotate/", overlap="900").body)
        again = re.search(r"(cred_\w+):(pcs_\w+)", page)
        assert again, page
        self.plant("rotated client secret", again[2])
        return {"application": application, "key": key["api_key"], "client": client}

    def grants(self, client: dict[str, str], token: str) -> str:
        """Every grant once, and every text that it gives; an access token of the client."""
        access = self.plant(
            "access token", self.token(client, grant_type="client_credentials")["access_token"]
        )
        verifier = self.plant("PKCE verifier", secrets.token_urlsafe(48))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid email",
        }
        fields |= {"state": "garden", "code_challenge": challenge, "code_challenge_method": "S256"}
        back = self.submit(f"/o/authorize/?{urlencode(fields)}", decision="allow").headers["location"]
        code = self.plant("code", parse_qs(urlsplit(back).query)["code"][0])
        redeem = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        }
        self.token(client, **{**redeem, "code_verifier": "x" * 43})
        back = self.submit(
            f"/o/authorize/?{urlencode({**fields, 'prompt': 'consent'})}", decision="allow"
        ).headers["location"]
        redeem["code"] = self.plant("second code", parse_qs(urlsplit(back).query)["code"][0])
        given = self.token(client, **redeem)
        for name in ("access_token", "refresh_token", "id_token"):
            self.plant(f"person's {name}", given[name])
        given = self.token(client, grant_type="refresh_token", refresh_token=given["refresh_token"])
        self.plant("second refresh token", given["refresh_token"])
        self.ask("/o/userinfo/", **bearer(given["access_token"]))
        self._assertion(client, token)
        return access

    def device(self, application: str) -> None:
        """A client without a secret, on a device without a browser."""
        form = {"name": "TV", "environment": "production", "expires": "90", "public": "on"}
        page = self.submit(f"/applications/{application}/new-client/", **form).body
        found = re.search(r"cred_\w+", page[page.index("Client ID") :])
        assert found, page
        asked = self.ask("/o/device_authorization/", body=f"client_id={found[0]}&scope=openid", **FORM).json
        self.plant("device code", asked["device_code"])
        self.plant("user code", asked["user_code"])
        assert self._collected(found[0], asked["device_code"]) is None
        self.open(f"/device/?user_code={asked['user_code']}")
        assert self.submit("/device/", user_code=asked["user_code"], decision="allow").status == 302
        given = until(lambda: self._collected(found[0], asked["device_code"]), "the device's tokens")
        self.plant("device's refresh token", given["refresh_token"])

    def _collected(self, client_id: str, code: str) -> Any:
        body = urlencode({"grant_type": DEVICE, "client_id": client_id, "device_code": code})
        given = self.ask("/o/token/", body=body, **FORM).json
        time.sleep(0 if "refresh_token" in given else 5.1)  # what the answer tells a device to wait
        return given if "refresh_token" in given else None

    def _assertion(self, client: dict[str, str], token: str) -> None:
        """A key of the client's own: its private half where only the public one belongs, and what it signs."""
        own = jwk.JWK.generate(kty="RSA", size=2048, kid="garden", use="sig", alg="RS256")
        private = own.export_private(as_dict=True)
        for part in ("d", "p", "qi"):
            self.plant(f"private key's {part}", private[part])
        path = f"/api/v1/credentials/{client['client_id']}/keys/"
        put = {**bearer(token), **JSON}
        for keys in ([private], [{**private, "kty": "oct"}], private["d"]):
            refused = call(
                f"{self.stack.portal}{path}", method="PUT", headers=put, body=json.dumps({"keys": keys})
            )
            assert refused.status == 400, refused
            self.refusals.append(f"{path} {refused.body}")
        body = json.dumps({"keys": [own.export_public(as_dict=True)]})
        assert call(f"{self.stack.portal}{path}", method="PUT", headers=put, body=body).status == 200
        now = int(time.time())
        claims = {
            "iss": client["client_id"],
            "sub": client["client_id"],
            "aud": f"{self.stack.portal}/o",
            "iat": now,
            "exp": now + 60,
        }
        proof = jwt.JWT(
            header={"alg": "RS256", "kid": "garden"}, claims={**claims, "jti": secrets.token_hex(8)}
        )
        proof.make_signed_token(own)
        text = self.plant("assertion", proof.serialize())
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": text,
        }
        self.ask("/o/token/", body=urlencode(fields), **FORM)
        self.ask("/o/token/", body=urlencode({**fields, "client_assertion": f"{text}x"}), **FORM)

    # ---- where nothing belongs ------------------------------------------------------------------------------------
    def wrongly(self) -> None:
        """Each secret in queries, headers and bodies that cannot be read, at both doors and at every kind of end point."""
        for text in list(self.planted.values()):
            self._in_queries(text)
            self._in_headers(text)
            self._in_bodies(text)

    def _in_queries(self, text: str) -> None:
        query = urlencode({"access_token": text, "client_secret": text, "token": text, "api_key": text})
        for path in (
            "/o/token/",
            "/o/authorize/",
            "/o/introspect/",
            "/api/v1/applications/",
            "/login/",
            "/nowhere/",
        ):
            self.ask(f"{path}?{query}")
        self.ask(f"{self.stack.gateways['production']}/catalogue/v1/products?{query}")

    def _in_headers(self, text: str) -> None:
        visible = {"Authorization": f"Bearer {text}"}, {"Authorization": f"Basic {text}"}, {"x-api-key": text}
        for headers in (*visible, {"Cookie": f"portico_session={text}; portico_csrf={text}"}):
            self.ask("/api/v1/applications/", **headers)
            self.ask("/o/userinfo/", **headers)
            self.ask("/account/", **headers)
            self.ask(f"{self.stack.gateways['production']}/catalogue/v1/products", **headers)
        self.ask("/o/token/", body="grant_type=client_credentials", Authorization=f"Basic {text}", **FORM)

    def _in_bodies(self, text: str) -> None:
        pair = urlencode(
            {"grant_type": "client_credentials", "client_id": "cred_none", "client_secret": text}
        )
        for body in (
            pair,
            f"{pair}&client_secret={text}",
            f"{pair}%00",
            f"{pair}%ff",
            f"{pair}&pad={'x' * 1_100_000}",
        ):
            self.ask("/o/token/", body=body, **FORM)
        for path in ("/o/revoke_token/", "/o/introspect/", "/o/device_authorization/"):
            self.ask(
                path,
                body=urlencode({"token": f"{text}\0", "client_id": "cred_none", "client_secret": text}),
                **FORM,
            )
        token = bearer(self.planted["personal token"])
        for body in (
            f'{{"token": "{text}"',
            f'{{"token": "{text}\\u0000"}}',
            f'["{text}"]',
            f'{{"token": ["{text}"]}}',
        ):
            self.ask("/api/v1/revoked-tokens/", body=body, **token, **JSON)
        self.ask("/api/v1/applications/", body=json.dumps({"token": text}), **token, **FORM)
