"""Editing a manifest while Portico runs changes the catalog; deleting it withdraws the API, here and at the gateway."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journeys.caller import Caller, personal_token
from tests.stack import PUBLISHER, Stack, call, until

pytestmark = pytest.mark.gateway

SECONDS = 20.0
MANIFEST: dict[str, Any] = {
    "apiVersion": "portico.dev/v1alpha1",
    "kind": "Api",
    "metadata": {"name": "lighthouses", "namespace": "storefront"},
    "spec": {
        "displayName": "Lighthouses",
        "version": "v1",
        "summary": "Every lighthouse on the coast.",
        "type": "REST",
        "ownerTeam": "storefront",
        "tags": ["coast"],
        "definition": {
            "inline": yaml.safe_dump(
                {
                    "openapi": "3.0.3",
                    "info": {"title": "Lighthouses", "version": "1"},
                    "paths": {"/stores": {"get": {"responses": {"200": {"description": "All of them."}}}}},
                }
            )
        },
        "basePath": "/lighthouses/v1",
        "upstreams": {
            "production": {"service": {"name": "demo-backend", "namespace": "portico-demo", "port": 80}}
        },
        "security": {"oauth2": False, "apiKey": False, "public": True},
        "plans": ["free"],
        "visibility": "Public",
        "publication": {"approval": "Automatic"},
    },
}


def write(path: Path, name: str = "lighthouses", **spec: Any) -> None:
    """As an editor saves: a new file in the old one's place."""
    manifest = {
        **MANIFEST,
        "metadata": {**MANIFEST["metadata"], "name": name},
        "spec": {**MANIFEST["spec"], **spec},
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(manifest))
    fresh.replace(path)


def shown(stack: Stack) -> dict[str, Any]:
    """The API as the catalog answers it, or nothing."""
    answer = call(f"{stack.portal}/api/v1/apis/lighthouses/")
    return answer.json if answer.status == 200 else {}


def test_manifest_edited_and_deleted(stack: Stack):
    path = stack.manifests / "storefront" / "lighthouses.yaml"
    address = f"{stack.gateways['production']}/lighthouses/v1/stores"
    try:
        write(path)
        until(lambda: shown(stack).get("name") == "Lighthouses", "the API is in the catalog", SECONDS)
        until(lambda: call(address).status == 200, "the gateway serves it", SECONDS)

        write(path, summary="Every lighthouse, and when it was lit.", tags=["coast", "history"])
        until(lambda: shown(stack)["tags"] == ["coast", "history"], "the edit is in the catalog", SECONDS)
        assert shown(stack)["summary"] == "Every lighthouse, and when it was lit."
        assert call(address).status == 200
    finally:
        path.unlink()
    until(lambda: not shown(stack).get("current_version"), "it is withdrawn", SECONDS)
    until(lambda: call(address).status == 404, "the gateway no longer serves it", SECONDS)


def test_manifest_broken_harms_no_other(stack: Stack):
    """The last good state stays in the catalog and at the gateway."""
    path = stack.manifests / "storefront" / "store-locator.yaml"
    address = f"{stack.gateways['production']}/stores/1.0/stores"
    publisher = Caller(stack, personal_token(stack, PUBLISHER, "portal:read"))
    before = path.read_text()

    def problems() -> list[dict[str, Any]]:
        rows = publisher.get("/sync-problems/")["results"]
        return [row for row in rows if row["object_name"] == "store-locator"]

    try:
        path.write_text(before.replace("basePath: /stores/1.0", "basePath: no slash"))
        [found] = until(problems, "the problem is shown", SECONDS)
        assert "basePath" in found["field"]
        assert found["remedy"]
        assert call(address).status == 200
        assert call(f"{stack.portal}/api/v1/apis/store-locator/").status == 200
        assert call(f"{stack.portal}/api/v1/apis/orders/").status == 200
    finally:
        path.write_text(before)
    until(lambda: not problems(), "the problem is over", SECONDS)
