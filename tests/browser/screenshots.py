"""Pictures of every page, wide and narrow, light and dark: `make screenshots`, or

    python -m tests.browser.screenshots [FOLDER [PATH ...]]

The pages are found by following every link as each of four people; with paths, only those, as each of them. The demo that
runs is looked at (var/run.json, or that of PORTICO_STATE); where none runs, one is started for the time being. What the
pictures need, such as an application with a subscription, is made first.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
from playwright.sync_api import Browser, Page, sync_playwright

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("PORTICO_DEMO", "1")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop; nothing here asks a database
django.setup()

from tests.browser.conftest import ARGUMENTS  # noqa: E402  needs Django's settings
from tests.browser.furniture import EVERYBODY, UNLINKED, furnish  # noqa: E402
from tests.browser.pages import Walk  # noqa: E402
from tests.stack import Stack, call, started  # noqa: E402

FORMS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]
# They look different to each person, so each has pictures of them.
OF_EACH = {"apis:catalog", "apis:version", "apis:operation"}


def main(folder: Path, paths: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as stack, sync_playwright() as playwright:
        furnish(stack)
        executable = os.environ.get("PORTICO_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        taken: set[str] = set()
        for who, email in EVERYBODY.items():
            page = signed_in(browser, stack, email)
            for name, path in pages_of(stack, page, paths):
                if paths or name not in taken - OF_EACH:
                    taken.add(name)
                    take(page, stack, path, folder / f"{who}-{name.replace(':', '-')}")
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


@dataclass
class Running(Stack):
    """The demo that somebody started here, with the state in `folder`."""

    @property
    def state(self) -> Path:
        return self.folder


@contextmanager
def demo() -> Iterator[Stack]:
    """The one that runs, or one of its own until the pictures are taken."""
    state = Path(os.environ.get("PORTICO_STATE", "var"))
    try:
        portal = json.loads((state / "run.json").read_text())["portal"]
        alive = call(f"{portal}/healthz").status == 200
    except (OSError, ValueError, KeyError):
        alive = False
    if alive:
        yield Running(state, None, portal, {})  # type: ignore[arg-type]  nobody here stops it
    else:
        print("No demo runs here; one is started for the pictures", flush=True)
        with started() as own:
            yield own


def signed_in(browser: Browser, stack: Stack, email: str) -> Page:
    page = browser.new_context(reduced_motion="reduce").new_page()
    if email:
        page.goto(f"{stack.portal}/login/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").first.fill(stack.password(email))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: "/login" not in url)
    return page


def pages_of(stack: Stack, page: Page, paths: list[str]) -> list[tuple[str, str]]:
    """(name, path) of what to look at: of each page one."""
    if paths:
        return [(path.strip("/?").replace("/", "_").replace("?", "_") or "catalog", path) for path in paths]
    walk = Walk(stack.portal, page.context.request).start("/", *sorted(UNLINKED))
    return [*walk.pages.items(), ("nowhere", "/nowhere/")]


def take(page: Page, stack: Stack, path: str, name: Path) -> None:
    for width, scheme in FORMS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"{stack.portal}{path}")
        page.screenshot(path=f"{name}-{width}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var/screenshots"), sys.argv[2:])
