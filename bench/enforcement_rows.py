"""Many APIs, and callers of them: `python -m bench.enforcement_rows <apis> <backend's URL>` in a running portal's database.

Each API has a plain and a templated operation. Prints the callers as JSON: path, API key and application of each.
"""

import json
import os
import sys

CALLERS = 20


def fill(count: int, backend: str) -> list[dict[str, str]]:
    from django.db import connection, transaction

    from apis.models import Api, ApiVersion, Operation, Plan
    from gateway import actions
    from keymanager import keys
    from keymanager.models import Credential, CredentialKind
    from portal.accounts.models import Team
    from subscriptions.models import Application, Subscription, SubscriptionStatus

    own = {"cluster": "bench", "namespace": "bench"}
    with transaction.atomic():
        team = Team.objects.create(slug="bench-apis", name="APIs of the bench")
        plan = Plan.objects.get(slug="unhurried")
        apis = Api.objects.bulk_create(
            [
                Api(slug=f"bench-{n}", key=f"bench-{n}", name=f"Bench {n}", team=team, type="rest", **own)
                for n in range(count)
            ],
            batch_size=2000,
        )
        versions = ApiVersion.objects.bulk_create(
            [
                ApiVersion(
                    api=api,
                    version="1",
                    status="published",
                    base_path=f"/{api.slug}/v1",
                    kind="Api",
                    object_name=api.slug,
                    upstreams={"production": {"url": backend, "timeout_seconds": 15}},
                    security={"oauth2": True, "api_key": True, "public": False},
                    **own,
                )
                for api in apis
            ],
            batch_size=2000,
        )
        Operation.objects.bulk_create(
            [
                Operation(version=version, position=position, method="GET", path=path, scopes=[])
                for version in versions
                for position, path in enumerate(("/items", "/items/{id}"))
            ],
            batch_size=5000,
        )
        callers = []
        consumers = Team.objects.get(slug="web-shop")
        for n in range(CALLERS):
            api = apis[n * count // CALLERS]
            application = Application.objects.create(team=consumers, name=f"Caller {n}")
            Subscription.objects.create(
                application=application, api=api, plan=plan, status=SubscriptionStatus.ACTIVE
            )
            key = f"ptk_live_callerofthebench{n:018d}"
            Credential.objects.create(
                kind=CredentialKind.API_KEY,
                prefix=key[:13],
                key_hash=keys.key_hash(key),
                application=application,
                environment="production",
                name="Bench",
            )
            path = f"/{api.slug}/v1/items/{n}"
            callers.append({"path": path, "key": key, "application": application.public_id})
        actions.notify("versions")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return callers


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    print(json.dumps(fill(int(sys.argv[1]), sys.argv[2])))
