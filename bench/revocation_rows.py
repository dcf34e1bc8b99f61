"""Rows in bulk for a gateway with much to hold: `python -m bench.revocation_rows <count>` in a running portal's database.

So many credentials, keys and clients by halves, of a fifth as many applications, and as many subscriptions. Prints one
of the keys: once it is let in, the gateway holds them all.
"""

import os
import sys

_A_KEY = "ptk_live_oneofthemanykeysofthebench000000000000"


def fill(count: int) -> str:
    from django.contrib.auth.hashers import make_password
    from django.db import transaction
    from oauth2_provider.models import Application as Client

    from apis.models import Api, Plan
    from gateway import actions
    from keymanager import keys
    from keymanager.models import Credential, CredentialKind
    from portal.accounts.models import Team
    from subscriptions.models import Application, Subscription, SubscriptionStatus

    with transaction.atomic():
        team = Team.objects.create(slug="bench-many", name="Many")
        plan, api = Plan.objects.order_by("pk")[0], Api.objects.get(slug="beacons")
        application = Application.objects.create(team=team, name="Many")
        Subscription.objects.create(
            application=application, api=api, plan=plan, status=SubscriptionStatus.ACTIVE
        )
        where = {"application": application, "environment": "production", "name": "Many"}
        Credential.objects.create(
            kind=CredentialKind.API_KEY, prefix=_A_KEY[:13], key_hash=keys.key_hash(_A_KEY), **where
        )
        client = Client.objects.create(
            client_id="cred_bench",
            client_secret=make_password("nobody knows it", hasher="portico_sha256"),
            client_type=Client.CLIENT_CONFIDENTIAL,
            authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
        )
        Credential.objects.create(
            kind=CredentialKind.OAUTH_CLIENT, public_id=client.client_id, oauth_application=client, **where
        )
        _copies(Application, count // 5, public_id="'app_bench' || n", name="'Many ' || n")
        apis = Api.objects.exclude(pk=api.pk).order_by("pk")[:4]
        _per_application(Subscription, (api.pk, *(other.pk for other in apis)))
        ids = "(SELECT id FROM subscriptions_application WHERE public_id = 'app_bench' || 1 + n % %(applications)s)"
        ids = ids.replace("%(applications)s", str(count // 5))
        # Two of three in production.
        place = {
            "application_id": ids,
            "environment": "CASE WHEN n % 3 = 2 THEN 'sandbox' ELSE 'production' END",
        }
        _copies(
            Credential,
            count // 2,
            like="kind = 'api_key' AND name = 'Many'",
            public_id="'cred_many' || n",
            key_hash="encode(sha256(('many' || n)::bytea), 'hex')",
            **place,
        )
        _copies(Client, count // 2, like="client_id = 'cred_bench'", client_id="'cred_bench' || n")
        own = "(SELECT id FROM oauth2_provider_application WHERE client_id = 'cred_bench' || n)"
        _copies(
            Credential,
            count // 2,
            like="public_id = 'cred_bench'",
            public_id="'cred_bench' || n",
            oauth_application_id=own,
            **place,
        )
        actions.notify()
    return _A_KEY


def _copies(model, count: int, *, like: str = "name = 'Many'", **changes: str) -> None:
    """Rows like one that is there, but for what `changes` says in SQL; `n` counts them from 1."""
    _run(model, f"generate_series(1, {count}) n", like, changes)


def _per_application(model, apis: tuple[int, ...]) -> None:
    """Like the one subscription that is there, for each application of the bench and each of these APIs."""
    source = "(SELECT id AS application, row_number() OVER () AS n FROM subscriptions_application"
    source += f" WHERE public_id LIKE 'app_bench%%') a, unnest(ARRAY[{', '.join(map(str, apis))}]) api"
    only = "application_id = (SELECT id FROM subscriptions_application WHERE name = 'Many')"
    changes = {"public_id": "'sub_b' || n || '_' || api", "application_id": "a.application", "api_id": "api"}
    _run(model, source, only, changes)


def _run(model, source: str, like: str, changes: dict[str, str]) -> None:
    from django.db import connection

    table = model._meta.db_table
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    values = ", ".join(changes.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, {source} WHERE {like}")
        cursor.execute(f"ANALYZE {table}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    print(fill(int(sys.argv[1])))
