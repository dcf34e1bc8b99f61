"""What docs/how-to/sign-in.md shows works as it stands there."""

import re
import shutil
import sys
from pathlib import Path
from string import Template

import pytest
import requests

from tests.clients import programs
from tests.clients.browser import Browser
from tests.clients.conftest import Shop
from tests.clients.programs import BASIC

pytestmark = pytest.mark.gateway

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "sign-in.md"

# How each is told what it needs, and tells what it found. $snippet is the page's own text.
PYTHON = Template("""
import json, sys
def hear(): return json.loads(sys.stdin.readline())
def say(said): print(json.dumps(said), flush=True)
def visit(url):
    say({"visit": url})
    return hear()["arrived"]
task = hear()
ISSUER, CLIENT_ID, CLIENT_SECRET = task["issuer"], task["client_id"], task["client_secret"]
REDIRECT_URI = task["redirect_uri"]
$snippet
say({"done": person})
""")
NODE = Template("""
import { tell, visit } from './conversation.mjs'
import { told } from './loopback.mjs'
const { client, oauth } = told
await tell({
  snippet: async (task) => {
    const { issuer: ISSUER, client_id: CLIENT_ID, client_secret: CLIENT_SECRET } = task
    const { redirect_uri: REDIRECT_URI, resource: API, token } = task
    const request = new Request(task.api, { headers: { authorization: `Bearer $${token}` } })
    $snippet
    return $result
  },
})
""")
GO = Template("""
package main
import (
	"context"
	"encoding/json"
	"golang.org/x/oauth2"
)
func main() {
	given := map[string]string{}
	hear(&given)
	ctx, issuer, clientID := context.Background(), given["issuer"], given["client_id"]
	clientSecret, redirectURI := given["client_secret"], given["redirect_uri"]
	$snippet
	must(err)
	about := seen{}
	must(json.NewDecoder(person.Body).Decode(&about))
	say(seen{"done": about})
}
""")


def test_snippet_of_authlib(shop: Shop, browser: Browser):
    program = PYTHON.substitute(snippet=snippet("python", "authlib"))
    assert_mara(programs.run([sys.executable, "-c", program], shop.task("snippet", BASIC), browser.visit))


def test_snippet_of_openid_client(shop: Shop, browser: Browser):
    command = node("client", snippet=snippet("js", "openid-client"), result="person")
    assert_mara(programs.run(command, shop.task("snippet", BASIC), browser.visit))


def test_snippet_of_oauth4webapi(shop: Shop):
    proof = tuple(shop.confidential.values())
    answer = requests.post(
        f"{shop.issuer}/token/",
        {"grant_type": "client_credentials", "resource": f"{shop.gateway}/catalogue/v1"},
        auth=proof,
        timeout=20,
    )
    token = answer.json()["access_token"]
    command = node("oauth", snippet=snippet("js", "oauth4webapi"), result="claims")
    seen = programs.run(command, {**shop.task("snippet", BASIC), "token": token}, pytest.fail)
    assert seen["client_id"] == shop.confidential["client_id"]


def test_snippet_of_x_oauth2(shop: Shop, browser: Browser, tmp_path: Path):
    source = tmp_path / "source"
    shutil.copytree(programs.HERE / "golang", source)
    (source / "main.go").write_text(GO.substitute(snippet=snippet("go", "oauth2.Config")))
    program = programs.built(source, tmp_path / "program")
    assert_mara(programs.run([str(program)], shop.task("snippet", BASIC), browser.visit))


def snippet(language: str, word: str) -> str:
    """The page's block in that language that has the word, without the imports of JavaScript, which stand at the top only."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if word in block)
    assert len(block.splitlines()) <= 10
    return re.sub(r"^import \* as .*\n", "", block)


def node(library: str, **text: str) -> list[str]:
    script = programs.node_folder() / f"snippet-{library}.mjs"
    script.write_text(NODE.substitute(text))
    return ["node", str(script)]


def assert_mara(person: dict[str, str]) -> None:
    """Who signed in. Only what the page asks for is told."""
    assert person.pop("sub").startswith("usr_")
    assert person == {"name": "Mara Lindqvist"}
