"""Rows for the pages group: what bench.catalog fills, applications with subscriptions, and the two documents.

`python -m bench.pages_rows <folder>` fills the database that DATABASE_URL names and says what to ask for, as JSON.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from apis.models import Api

APIS = int(os.environ.get("BENCH_PAGES_APIS", "10000"))
SUBSCRIPTIONS_EACH = 10
# What the signed-in person's own application has.
OWN_SUBSCRIPTIONS = 100
OWN_KEYS = 20
OWN_EVENTS = 300
APPLICATION = "app_benchpages"
SMALL, BIG = "orders-small", "orders-big"
# Two operations of one group of the big document.
FIRST, SECOND = 437, 438
SIZES = {SMALL: (25, 0), BIG: (1000, 10_000_000)}

FILL = """
INSERT INTO subscriptions_application (public_id, team_id, name, description, created_at)
SELECT 'app_' || n, team.id, 'Application ' || n, 'Calls things.', now()
FROM generate_series(1, %(apis)s) n JOIN accounts_team team ON team.slug = 'team-' || n %% 200;
INSERT INTO subscriptions_application (public_id, team_id, name, description, created_at)
SELECT %(own)s, id, 'Storefront', 'The shop that people see.', now() FROM accounts_team WHERE slug = 'team-1';
CREATE TEMP TABLE wanted AS
SELECT application.id AS application_id, (application.id * 7919 + k * 997) %% %(apis)s AS n, k
FROM subscriptions_application application, generate_series(1, %(each)s) k WHERE application.public_id <> %(own)s
UNION ALL
SELECT application.id, 3 + k * 10, k
FROM subscriptions_application application, generate_series(1, %(own_each)s) k WHERE application.public_id = %(own)s;
INSERT INTO subscriptions_subscription (public_id, application_id, api_id, plan_id, status, reason, answers, created_at, requested_at)
SELECT 'sub_' || application_id || '_' || k, application_id, api.id, plan.id, 'active', '', '{}', now() - k * interval '1 hour', now()
FROM wanted JOIN apis_api api ON api.slug = 'api-' || wanted.n
JOIN apis_plan plan ON plan.slug = (ARRAY['free', 'standard', 'partner', 'restricted'])[1 + k %% 4];
INSERT INTO keymanager_credential (public_id, application_id, environment, kind, name, status, prefix, key_hash, external_id,
    created_at, allowed_ranges, client_keys)
SELECT 'cred_bench' || n, application.id, (ARRAY['production', 'sandbox'])[1 + n %% 2], 'api_key', 'Key ' || n, 'active',
    'ptk_live_' || n, encode(sha256(n::text::bytea), 'hex'), '', now() - n * interval '1 day', '{}', '[]'
FROM subscriptions_application application, generate_series(1, %(keys)s) n WHERE application.public_id = %(own)s;
INSERT INTO accounts_auditevent (at, event, by_name, team_id, target_type, target_id, target_name, note, data)
SELECT now() - n * interval '1 minute', 'application_updated', 'Bench', team_id, 'subscriptions.Application', public_id, name, '', '{}'
FROM subscriptions_application, generate_series(1, %(events)s) n WHERE public_id = %(own)s;
INSERT INTO accounts_auditevent (at, event, by_name, team_id, target_type, target_id, target_name, note, data)
SELECT now() - n * interval '1 minute', 'subscription_approved', 'Bench', application.team_id, 'subscriptions.Subscription',
    subscription.public_id, application.name, '', '{}'
FROM subscriptions_subscription subscription JOIN subscriptions_application application
    ON application.id = subscription.application_id, generate_series(1, 2) n;
ANALYZE;
"""


def fill() -> dict[str, str]:
    """Everything; returns the addresses to ask and the cookie of the person who asks."""
    from bench import catalog

    catalog.fill(APIS)
    filled = {
        "apis": APIS,
        "each": SUBSCRIPTIONS_EACH,
        "own_each": OWN_SUBSCRIPTIONS,
        "own": APPLICATION,
        "keys": OWN_KEYS,
        "events": OWN_EVENTS,
    }
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for statement in FILL.split(";\n"):
            used = filled if "%(" in statement else None
            connection.execute(statement if used else statement.replace("%%", "%"), used)
    return {"cookie": catalog.session()}


def documents(folder: Path) -> None:
    """Publish an API with each document in `folder`, as a sync would, its Reference cut ahead as a worker would."""
    from django.db import transaction

    from apis import catalog, definitions
    from apis.models import ApiVersion, Document, Operation
    from apis.reference import parts

    for slug in SIZES:
        text = (folder / f"{slug}.json").read_text()
        api = _api(slug)
        parsed = definitions.parse(text)
        version = ApiVersion.objects.create(
            api=api,
            version="1.0.0",
            status="published",
            base_path=f"/{slug}",
            upstreams={name: {"url": "http://127.0.0.1:9"} for name in ("production", "sandbox")},
            security={"oauth2": True, "api_key": True},
            cluster="bench",
            kind="portico.dev/v1alpha1/Api",
            namespace="team-1",
            object_name=slug,
        )
        document = Document.objects.create(
            version=version,
            text=text,
            format=parsed.format,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )
        Operation.objects.bulk_create(
            Operation(version=version, position=n, method=each.method, path=each.path, summary=each.summary)
            for n, each in enumerate(parsed.operations)
        )
        version.document = document
        version.save()
        version.plans.set(version.plans.model.objects.filter(slug__in=("free", "standard")))
        api.current_version = version
        api.save()
        with transaction.atomic():
            catalog.refresh(api)
        parts.ensure(document)


def operations() -> dict[str, str]:
    """The address of an operation of the big document, and how that of its neighbour ends."""
    from apis.models import DescribedOperation

    rows = DescribedOperation.objects.filter(document__version__api__slug=BIG)
    first, second = (rows.get(operation_id=f"replaceThing{n}").slug for n in (FIRST, SECOND))
    return {"operation": f"/apis/{BIG}/1.0.0/reference/{first}/", "second": f"/{second}/"}


def _api(slug: str) -> "Api":
    from apis.models import Api
    from portal.accounts.models import Team

    return Api.objects.create(
        slug=slug,
        cluster="bench",
        namespace="team-1",
        key=slug,
        name=slug.replace("-", " ").capitalize(),
        summary="Orders of a shop.",
        description="Place orders and follow them.",
        type="rest",
        visibility="public",
        team=Team.objects.get(slug="team-1"),
    )


def definition(operations: int, size: int) -> dict[str, Any]:
    """An OpenAPI 3.1 document with so many operations in groups of twenty, each with schemas of its own, of at least `size` bytes of JSON."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {
        "Problem": {"type": "object", "properties": {"title": {"type": "string"}}},
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            },
        },
    }
    filler = max(0, size // operations - 3_300)
    for n in range(operations):
        group = f"Group {n // 20}"
        schemas[f"Thing{n}"] = _schema(n, filler)
        paths[f"/things/{n}/{{id}}"] = {"put": _operation(n, group)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "1.0.0", "description": "Orders of a shop."},
        "servers": [{"url": "https://orders.example"}],
        "tags": [{"name": f"Group {n}"} for n in range(-(-operations // 20))],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(n: int, group: str) -> dict[str, Any]:
    thing = {"application/json": {"schema": {"$ref": f"#/components/schemas/Thing{n}"}}}
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "operationId": f"replaceThing{n}",
        "summary": f"Replace thing {n}",
        "description": f"Replaces thing number {n}, **all** of it.",
        "tags": [group],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
            {"name": f"filter{n}", "in": "query", "schema": {"type": ["string", "null"], "maxLength": 40}},
            {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
        ],
        "requestBody": {"required": True, "content": thing},
        "responses": {
            "200": {"description": "What it is now.", "content": thing},
            "404": {"description": "There is none.", "content": problem},
        },
    }


def _schema(n: int, filler: int) -> dict[str, Any]:
    """Twelve fields, a tree, a choice, and in the last field's description as much text as the size asks for."""
    fields: dict[str, Any] = {
        f"field{k}": {
            "type": ["string", "null"],
            "description": f"Field {k} of thing {n}.",
            "examples": [f"value {k}"],
        }
        for k in range(12)
    }
    fields["tree"] = {"$ref": "#/components/schemas/Node"}
    fields["price"] = {
        "oneOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "const": "free"}]
    }
    # Many fields, not one long text: that is how large definitions are large.
    for k in range(filler // 190):
        fields[f"attribute{k}"] = {
            "type": "object",
            "description": f"Attribute {k} of thing {n}, as the warehouse knows it.",
            "properties": {
                "code": {"type": "string", "maxLength": 12},
                "since": {"type": "string", "format": "date"},
            },
        }
    return {"type": "object", "required": ["field0", "price"], "properties": fields}


def write_definitions(folder: Path) -> None:
    for slug, (operations, size) in SIZES.items():
        (folder / f"{slug}.json").write_text(json.dumps(definition(operations, size)))


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    answers = fill()
    documents(Path(sys.argv[1]))
    print(json.dumps(answers | operations()))
