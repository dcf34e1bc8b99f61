"""Every page as each kind of person: no broken link, nothing that axe finds, nothing the browser complains about."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Visitor
from tests.browser.furniture import EVERYBODY, UNLINKED, furnish
from tests.browser.listed import WALKED
from tests.browser.pages import Walk
from tests.stack import Stack

pytestmark = pytest.mark.browser

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"]}
CONTRAST: dict[str, Any] = {**ALL_RULES, "runOnly": ["color-contrast"]}
# Swagger UI draws these pages, and skips a level of headings: of them only what axe calls serious counts.
SWAGGER = {"rest-docs", "apis:swagger"}
_examined: set[str] = set()
_walked: set[str] = set()


@pytest.fixture(scope="module")
def furnished(stack: Stack) -> None:
    furnish(stack)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("role", EVERYBODY)
def test_pages_have_no_broken_link_and_no_flaw(
    visit: Callable[..., Visitor], stack: Stack, furnished: None, role: str
):
    visitor = visit(EVERYBODY[role], reduced_motion="reduce", color_scheme="light")
    walk = Walk(stack.portal, visitor.page.context.request).start("/", *sorted(UNLINKED - {"/nowhere/"}))
    assert not walk.broken, "\n".join(walk.broken)
    assert len(walk.pages) > (20 if role != "anonymous" else 8)
    flaws = []
    for name, path in [*walk.pages.items(), ("nowhere", "/nowhere/")]:
        visitor.open(path)
        if name in SWAGGER:
            visitor.page.locator(".opblock").first.wait_for()
        flaws += [f"{role} {path} {flaw}" for flaw in examine(visitor.page, fully=name not in _examined)]
        _examined.add(name)
    assert not flaws, "\n".join(flaws)
    _walked.add(role)


def test_every_page_was_examined(stack: Stack):
    """After the walks: what uses the stack stays in the order of the file."""
    if _walked != set(EVERYBODY):
        pytest.skip("the walks of all four people tell")
    assert sorted(WALKED - _examined) == []


def examine(page: Page, *, fully: bool) -> list[str]:
    """What axe finds in a page; one that another person had already is looked at once more in one form only."""
    found = flaws_of(page, "wide light", ALL_RULES)
    if fully:
        page.emulate_media(color_scheme="dark")
        found += flaws_of(page, "wide dark", CONTRAST)
        page.set_viewport_size(NARROW)
        found += flaws_of(page, "narrow dark", ALL_RULES)
        page.emulate_media(color_scheme="light")
        found += flaws_of(page, "narrow light", CONTRAST)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("narrow: the page scrolls sideways")
        page.set_viewport_size(WIDE)
    return found


def flaws_of(page: Page, form: str, options: dict[str, Any]) -> list[str]:
    violations = Axe().run(page, options=options).response["violations"]
    return [
        f"{form}: {one['id']} ({one['impact']}) {[node['target'] for node in one['nodes'][:5]]}"
        for one in violations
        if one["impact"] in {"serious", "critical"} or not page.locator("#swagger-ui").count()
    ]
