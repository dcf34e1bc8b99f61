"""Definitions and Markdown by people who mean harm, as a browser shows them: nothing of it runs, and nothing leads away."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.browser.conftest import Visitor
from tests.definitions.hostile import CHARM, definition
from tests.stack import PUBLISHER, Stack, call, until

pytestmark = pytest.mark.browser

# What nothing on a page of ours may be, whatever a definition says.
FOREIGN = """() => [...document.querySelectorAll('main *')].filter((one) =>
    ['SCRIPT', 'STYLE', 'IFRAME', 'OBJECT', 'EMBED', 'IMG', 'LINK', 'BASE', 'META'].includes(one.tagName)
    || [...one.attributes].some((each) => each.name.startsWith('on') || each.name === 'style' || each.name.startsWith('hx-on'))
    || /^\\s*(javascript|data|vbscript):/i.test(one.getAttribute('href') ?? '')
    || /harm\\.example/.test(one.getAttribute('action') ?? one.getAttribute('href') ?? '')
  ).map((one) => one.outerHTML.slice(0, 200))"""
API = "/apis/charmed/v1/"


@pytest.fixture(scope="module")
def charmed(stack: Stack) -> None:
    """An API that says harm in every text, in the stack's catalog."""
    manifest: dict[str, Any] = yaml.safe_load(
        (stack.manifests / "storefront" / "store-locator.yaml").read_text()
    )
    manifest["metadata"]["name"] = "charmed"
    manifest["spec"] |= {
        "displayName": CHARM[:100],
        "version": "v1",
        "summary": CHARM[:200],
        "description": CHARM,
        "contact": CHARM[:200],
        "tags": ["<b>x</b>"],
        "definition": {"inline": json.dumps(definition())},
        "basePath": "/charmed/v1",
        "visibility": "Public",
        "publication": {"approval": "Automatic"},
    }
    (stack.manifests / "storefront" / "charmed.yaml").write_text(yaml.safe_dump(manifest))
    until(lambda: call(f"{stack.portal}{API}reference/").status == 200, "the charmed API")


@pytest.mark.parametrize("javascript", [True, False])
def test_nothing_of_a_definition_runs(visit: Callable[..., Visitor], charmed: None, javascript: bool):
    visitor = visit(PUBLISHER if javascript else "", java_script_enabled=javascript)
    page = visitor.page
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    visitor.open(f"{API}reference/")
    links = page.locator("#results a, .schemas a").evaluate_all("all => all.map((one) => one.pathname)")
    assert len(links) >= 5
    paths = ["/?q=charmed", API, *links, f"{links[0]}?language=php", f"{API}plans/"]
    for path in [*paths, f"{API}source/"] if javascript else paths:
        assert visitor.open(path) == 200, path
        assert page.evaluate(FOREIGN) == [], path
        assert page.evaluate("window.harmed") is None, path
        for one in page.locator("main details").all()[:30]:
            one.evaluate("one => { one.open = true }")
        page.mouse.move(400, 500)
        assert page.evaluate("window.harmed") is None, path
        assert page.locator("main h1").is_visible(), path
    assert [url for url in requested if not url.startswith(visitor.stack.portal)] == []


def test_nothing_of_a_definition_runs_in_swagger_ui(visit: Callable[..., Visitor], charmed: None):
    visitor = visit("")
    page = visitor.page
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    assert visitor.open(f"{API}swagger/") == 200
    page.locator(".opblock-summary-control").first.wait_for()
    for one in page.locator(".opblock-summary-control").all():
        one.click()
    page.locator(".opblock-body").first.wait_for()
    assert page.evaluate("window.harmed") is None
    assert page.get_by_role("button", name="Try it out").count() == 0
    assert page.get_by_role("button", name="Authorize").count() == 0
    assert [url for url in requested if not url.startswith((visitor.stack.portal, "data:"))] == []
