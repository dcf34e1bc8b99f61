"""Makes the demo people and says who they are, for `manage.py up` to print."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.accounts import demo


class Command(BaseCommand):
    help = "Create the demo people, teams and namespace grants (demo mode only)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This is not demo mode (PORTICO_DEMO=1): no demo people are made here.")
        passwords = settings.STATE_DIR / "demo-passwords.json"
        demo.seed(passwords)
        people = demo.people(passwords)
        shown = {"people": people, "try": _calls()}
        path = settings.STATE_DIR / "demo.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(shown))
        if options["verbosity"]:
            for person in people:
                self.stdout.write(f"{person['email']:<26}{person['password']:<28}{person['role']}")


def _calls() -> list[str]:
    """Three commands that work as they stand. The demo's own APIs are there only where its folder is the cluster."""
    gateway = settings.GATEWAY_URLS["production"]
    catalog = f"curl -s {settings.PORTAL_URL}/api/v1/apis/ | python3 -m json.tool | head -40"
    demo = settings.CLUSTERS[settings.CLUSTER_NAME].get("path") == str(settings.DEMO_MANIFESTS)
    if demo:
        return [f"curl -i {gateway}/stores/1.0/stores", f"curl -i {gateway}/catalogue/v1/products", catalog]
    return [catalog, f"curl -s {settings.PORTAL_URL}/o/.well-known/jwks.json", f"curl -i {gateway}/"]
