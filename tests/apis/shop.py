"""A folder of manifests and the catalog that follows it, for the tests of the sync."""

from pathlib import Path
from typing import Any

from apis import sync
from apis.models import Api, ApiVersion, SyncProblem, SyncRun
from portal.accounts.models import NamespaceGrant
from tests import factories
from tests.kube.sides import DirectorySide, api

OPENAPI = """\
openapi: 3.1.0
info: {title: Orders, version: "1"}
paths:
  /orders:
    get: {operationId: listOrders, summary: List orders, responses: {"200": {description: Fine}}}
    post: {operationId: addOrder, responses: {"201": {description: Made}}}
"""
MORE = (
    OPENAPI + '  /orders/{id}:\n    get: {operationId: readOrder, responses: {"200": {description: Fine}}}\n'
)


class Shop(DirectorySide):
    """The folder as cluster `directory`; `sync` makes the catalog follow."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.team = factories.TeamFactory(slug="publishers")

    def grant(self, *, auto_publish: bool = False) -> NamespaceGrant:
        grant, _ = NamespaceGrant.objects.update_or_create(
            cluster="directory", namespace="shop", defaults={"team": self.team, "auto_publish": auto_publish}
        )
        return grant

    def sync(self) -> SyncRun:
        return sync.run(self.cluster)

    def api(self, name: str = "orders", **spec: Any) -> SyncRun:
        """Write an Api with a definition, and sync."""
        self.write(api("shop", name, **{"definition": {"inline": OPENAPI}, **spec}))
        return self.sync()

    def config_map(self, name: str, text: str) -> None:
        meta = {"name": name, "namespace": "shop"}
        self.write(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"openapi.yaml": text}}
        )

    def plan(self, name: str = "gold", *, requests: int = 100) -> None:
        spec = {"rate": {"requests": requests, "per": "Minute"}}
        meta = {"name": name}
        self.write({"apiVersion": "portico.dev/v1alpha1", "kind": "Plan", "metadata": meta, "spec": spec})

    def write_file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def remove_file(self, name: str) -> None:
        (self.folder / name).unlink()


def only_version() -> ApiVersion:
    return ApiVersion.objects.select_related("api").get()


def only_api() -> Api:
    return Api.objects.get()


def problems() -> dict[str, str]:
    """field -> message of every problem there is."""
    return dict(SyncProblem.objects.values_list("field", "message"))


def published(version: str = "v1", **spec: Any) -> dict[str, Any]:
    """The parts of a spec that publish by themselves."""
    return {"version": version, "publication": {"approval": "Automatic"}, **spec}
