"""What the fault tests share: a followed namespace, many objects at once, and what "healed" means."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from apis.models import Api, ApiVersion, Change, SyncRun
from portal.accounts.models import AuditEvent, NamespaceGrant
from portal.kube import KubernetesCluster
from tests import factories
from tests.cluster.controlplane import ControlPlane
from tests.following import Following, until
from tests.kube.sides import API, api

CLUSTER = "real"
# Ten seconds are promised; the rest is what a busy machine takes to start processes.
PATIENCE = 10.0 + 50.0


@dataclass
class World:
    """A granted namespace of a real cluster, followed by real processes."""

    plane: ControlPlane
    namespace: str
    found: Following
    record: Callable[[str, object], None]
    known: dict[str, str] = field(default_factory=dict)

    def apply(self, *names: str, path: str = "", **spec: Any) -> None:
        """Apis at paths of their own, or one at this path below: objects of other tests may still be in the cluster."""
        self.plane.apply(*(self.document(name, path, **spec) for name in names))

    def document(self, name: str, path: str = "", **spec: Any) -> dict[str, Any]:
        return api(self.namespace, name, basePath=f"/{self.namespace}{path or f'/{name}'}", **spec)

    def apply_many(self, names: Iterable[str], **meta: Mapping[str, str]) -> None:
        """Some hundreds of objects a second, which kubectl does not reach."""
        cluster = KubernetesCluster("many", kubeconfig=str(self.plane.kubeconfig))

        def create(name: str) -> None:
            document = self.document(name)
            cluster.apply(API, document | {"metadata": {**document["metadata"], **meta}})

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(create, names))
        cluster.close()

    def delete(self, *names: str) -> None:
        self.plane.kubectl("delete", API.resource, *names, "-n", self.namespace)

    def empty(self) -> None:
        """Objects that stay would be work for the next test's worker."""
        self.plane.request("DELETE", f"/apis/{API.api_version}/namespaces/{self.namespace}/{API.plural}")

    def version(self, name: str) -> ApiVersion | None:
        return self.versions().filter(object_name=name).first()

    def versions(self) -> Any:
        return ApiVersion.objects.filter(namespace=self.namespace, withdrawn_at=None)

    def listed(self) -> Counter[str]:
        """How often each object is in the catalog now."""
        return Counter(self.versions().values_list("object_name", flat=True))

    def paths(self) -> dict[str, str]:
        rows = self.versions().values_list("object_name", "base_path")
        return {name: path.removeprefix(f"/{self.namespace}") for name, path in rows}

    def settled(self, names: Iterable[str]) -> bool:
        """Exactly these are listed, each once, and nothing is left to do."""
        waiting = Change.objects.filter(listed_at=None).exists()
        running = SyncRun.objects.filter(outcome=SyncRun.Outcome.RUNNING).exists()
        return not waiting and not running and self.listed() == Counter(list(names))

    def heals(self, condition: Callable[[], Any], what: str = "healed", *, patience: float = PATIENCE) -> Any:
        """Wait for it, and note the seconds it took."""
        began = time.monotonic()
        value = until(condition, self.found, patience=patience)
        took = round(time.monotonic() - began, 2)
        self.record(f"{what}_seconds", took)
        return value

    def nothing_doubled(self) -> None:
        """One row per object, and no event told twice, since the first."""
        rows = Counter(
            ApiVersion.objects.filter(namespace=self.namespace).values_list("object_name", flat=True)
        )
        assert set(rows.values()) <= {1}, rows.most_common(3)
        keys = Counter(Api.objects.filter(namespace=self.namespace).values_list("key", flat=True))
        assert set(keys.values()) <= {1}, keys.most_common(3)
        told = Counter(
            AuditEvent.objects.filter(
                event__in=["version_discovered", "version_published", "version_withdrawn"]
            ).values_list("event", "target_name", "target_id")
        )
        assert set(told.values()) <= {1}, told.most_common(3)


def granted(namespace: str) -> None:
    NamespaceGrant.objects.create(
        cluster=CLUSTER,
        namespace=namespace,
        team=factories.TeamFactory(slug="publishers"),
        auto_publish=True,
    )


def complete() -> bool:
    return SyncRun.objects.filter(outcome=SyncRun.Outcome.COMPLETE).exists()
