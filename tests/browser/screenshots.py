"""Pictures of the running demo's pages, for people: `python -m tests.browser.screenshots FOLDER [PATH ...]`.

Needs `make run` in another terminal. Reads var/run.json, or that of PORTICO_STATE.
"""

import json
import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.stack import ADMIN, CONSUMER, PUBLISHER

FORMS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]
PAGES = {
    "": ["/", "/?view=list", "/login/", "/signup/", "/nowhere/", "/apis/store-locator/"],
    CONSUMER: [
        "/home/",
        "/usage/",
        "/apis/orders/",
        "/apis/orders/v1/",
        "/apis/orders/v2/reference/",
        "/apis/orders/v2/reference/placeOrder/",
        "/apis/orders/v2/reference/schemas/Order/",
        "/apis/storefront-graph/v1/reference/products/",
        "/apis/order-events/v1/reference/sendOrderChanged/",
        "/apis/orders/v2/plans/",
        "/apis/orders/v2/changelog/",
        "/apis/orders/v2/changelog/since/v1/",
        "/apis/orders/v2/swagger/",
        "/apis/product-catalogue/v1/",
        "/apis/product-catalogue/v1/docs/errors/",
        "/apis/orders/subscribe/",
        "/applications/",
        "/account/",
        "/account/tokens/",
        "/teams/",
        "/signing-keys/",
    ],
    PUBLISHER: [
        "/approvals/",
        "/publish/",
        "/sync/",
        "/apis/orders/v2/source/",
        "/apis/orders/v2/subscribers/",
        "/apis/orders/v2/docs/new/",
    ],
    ADMIN: ["/grants/", "/signing-keys/", "/issuers/", "/components/"],
}


def main(folder: Path, paths: list[str]) -> None:
    state = Path(os.environ.get("PORTICO_STATE", "var"))
    portal = json.loads((state / "run.json").read_text())["portal"]
    passwords = json.loads((state / "demo-passwords.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        path = os.environ.get("PORTICO_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for email, pages in PAGES.items():
            page = browser.new_context(reduced_motion="reduce").new_page()
            if email:
                page.goto(f"{portal}/login/")
                page.get_by_label("Email").fill(email)
                page.get_by_label("Password").first.fill(passwords[email])
                page.get_by_role("button", name="Sign in", exact=True).click()
                page.wait_for_url(lambda url: "/login" not in url)
            for target in [one for one in pages if not paths or one in paths]:
                for width, scheme in FORMS:
                    page.set_viewport_size({"width": width, "height": 900})
                    page.emulate_media(color_scheme=scheme)
                    page.goto(f"{portal}{target}")
                    name = target.strip("/?").replace("/", "_").replace("?", "_") or "catalog"
                    who = email.partition("@")[0] or "anonymous"
                    page.screenshot(path=folder / f"{who}-{name}-{width}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
