"""Steps of the sync group in a process of their own with Django: `python -m bench.sync_steps grants|reference|full`.

Each prints one line of JSON.
"""

import json
import os
import sys
import time
from typing import Any

import msgspec


def grants() -> dict[str, Any]:
    """Forty namespaces of ten teams, whose APIs are published by themselves; the queue of the workers."""
    from django.conf import settings
    from django.db import connection
    from pgmq import install_pgmq_from_sql

    from bench.sync_objects import NAMESPACES, namespace
    from portal.accounts.models import NamespaceGrant, Team

    teams = Team.objects.bulk_create(Team(slug=f"team-{n}", name=f"Team {n}") for n in range(10))
    NamespaceGrant.objects.bulk_create(
        NamespaceGrant(
            cluster=settings.CLUSTER_NAME, namespace=namespace(n), team=teams[n % 10], auto_publish=True
        )
        for n in range(NAMESPACES)
    )
    install_pgmq_from_sql(dsn=settings.DATABASE_URL)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {}


def reference() -> dict[str, Any]:
    """The least that a first sync needs: both kinds in pages by the same client, decoded, and one COPY of their bytes.

    The table has no index and no key, and nothing is read out of the objects.
    """
    from django.conf import settings
    from django.db import connection

    from apis.sync.refresh import KINDS
    from portal.kube import get_cluster

    cluster = get_cluster(settings.CLUSTER_NAME)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_plain")
        cursor.execute("CREATE TABLE bench_plain (kind text, namespace text, name text, body text)")
        began, count = time.perf_counter(), 0
        with cursor.copy("COPY bench_plain FROM STDIN") as copy:
            for kind in (KINDS["portico.dev/v1alpha1/Api"], KINDS["v1/ConfigMap"]):
                for page in cluster.pages(kind):
                    for obj in page.objects:
                        body = msgspec.json.encode(obj.body).decode()
                        copy.write_row((kind.kind, obj.namespace, obj.name, body))
                        count += 1
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE bench_plain")
    return {"seconds": seconds, "objects": count}


def full() -> dict[str, Any]:
    """One full sync, as the worker runs it."""
    from django.conf import settings

    from apis import sync
    from portal.commits import unflushed
    from portal.kube import get_cluster

    cluster = get_cluster(settings.CLUSTER_NAME)
    began = time.perf_counter()
    profile = _profile()
    with unflushed():
        run = sync.run(cluster)
    seconds = time.perf_counter() - began
    if profile:
        profile.dump_stats(os.environ["BENCH_SYNC_PROFILE"])
    return {"seconds": seconds, "outcome": run.outcome, "message": run.message, "counts": run.counts}


def _profile() -> Any:
    """BENCH_SYNC_PROFILE names a file for cProfile's figures; the seconds are then too high."""
    if not os.environ.get("BENCH_SYNC_PROFILE"):
        return None
    import cProfile

    profile = cProfile.Profile()
    profile.enable()
    return profile


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    print(json.dumps({"grants": grants, "reference": reference, "full": full}[sys.argv[1]]()))
