"""What the demo backend answers: believable data that fits the definitions in `manifests/`."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Body = Any
Answer = tuple[int, Body]

PRODUCTS = [
    {"sku": "LAMP-01", "name": "Reading lamp", "price_cents": 4900, "category": "living", "in_stock": 12},
    {"sku": "LAMP-02", "name": "Floor lamp", "price_cents": 12900, "category": "living", "in_stock": 3},
    {"sku": "POT-07", "name": "Clay pot, 20 cm", "price_cents": 1450, "category": "garden", "in_stock": 140},
    {"sku": "CAN-03", "name": "Watering can", "price_cents": 2300, "category": "garden", "in_stock": 0},
    {"sku": "PAN-11", "name": "Iron pan", "price_cents": 3990, "category": "kitchen", "in_stock": 27},
]
LINES = [{"sku": "LAMP-01", "quantity": 2}]
ORDERS = [
    {
        "id": "o-1001",
        "state": "paid",
        "lines": LINES,
        "total_cents": 9800,
        "placed_at": "2026-11-20T09:12:00Z",
    },
    {
        "id": "o-1002",
        "state": "open",
        "lines": LINES,
        "total_cents": 9800,
        "placed_at": "2026-11-21T17:40:00Z",
    },
    {
        "id": "o-1003",
        "state": "shipped",
        "lines": LINES,
        "total_cents": 9800,
        "placed_at": "2026-11-18T11:03:00Z",
    },
]
STORES = [
    {"id": "bern", "city": "Bern", "opens": "09:00", "closes": "18:30"},
    {"id": "basel", "city": "Basel", "opens": "09:00", "closes": "20:00"},
    {"id": "zurich", "city": "Zürich", "opens": "08:00", "closes": "21:00"},
]
PAYMENTS = [
    {"id": "p-2001", "order": "o-1001", "amount_cents": 9800, "currency": "EUR", "state": "captured"},
    {"id": "p-2002", "order": "o-1002", "amount_cents": 9800, "currency": "EUR", "state": "authorised"},
]
SHIPMENTS = [
    {"id": "s-301", "order": "o-1003", "carrier": "Gelbe Post", "state": "on_its_way"},
    {"id": "s-302", "order": "o-0990", "carrier": "Velokurier", "state": "delivered"},
]
PROFILES = [
    {"id": "c-77", "name": "Ada Keller", "email": "ada@demo.example", "consents": {"newsletter": True}},
    {
        "id": "c-78",
        "name": "Bruno Frei",
        "email": None,
        "consents": {"newsletter": False, "profiling": False},
    },
]
ORDER_EVENTS = [
    {"id": 1, "order": "o-1003", "state": "placed", "at": "2026-11-18T11:03:00Z"},
    {"id": 2, "order": "o-1003", "state": "paid", "at": "2026-11-18T11:04:00Z"},
    {"id": 3, "order": "o-1003", "state": "shipped", "at": "2026-11-19T06:30:00Z"},
]
PARCEL_EVENTS = [
    {"id": 1, "parcel": "s-302", "carrier": "Velokurier"},
    {"id": 2, "parcel": "s-301", "carrier": "Gelbe Post"},
]
EVENTS: Mapping[str, list[dict[str, Any]]] = {
    "/events/orders": ORDER_EVENTS,
    "/events/parcels": PARCEL_EVENTS,
}


def answer(method: str, target: str, body: bytes) -> Answer:
    """Status and JSON body for a request."""
    path, _, query = target.partition("?")
    wanted = {name: values[-1] for name, values in parse_qs(query).items()}
    allowed = False
    for verb, pattern, give in ROUTES:
        if found := pattern.fullmatch(path):
            if verb == method:
                return give(sent(body), wanted, **found.groupdict())
            allowed = True
    if allowed:
        return problem(405, "This resource does not take the method")
    return problem(404, "There is no such resource")


def problem(status: int, title: str) -> Answer:
    return status, {"title": title, "status": status}


def sent(body: bytes) -> dict[str, Any]:
    """The JSON object of a request, empty if there is none."""
    try:
        data = json.loads(body) if body else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def one(
    rows: list[dict[str, Any]], key: str, data: dict[str, Any], wanted: dict[str, str], ref: str
) -> Answer:
    row = next((row for row in rows if row[key] == ref), None)
    return (200, row) if row else problem(404, f"There is no {ref}")


def picked(rows: list[dict[str, Any]], field: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
    return [row for row in rows if row[field] == wanted.get(field, row[field])]


def products(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    items = picked(PRODUCTS, "category", wanted)
    limit = wanted.get("limit", "20")
    return 200, {"items": items[: int(limit) if limit.isdecimal() else 20], "total": len(items)}


def categories(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    names = dict.fromkeys(product["category"] for product in PRODUCTS)
    return 200, [
        {"name": name, "products": len(picked(PRODUCTS, "category", {"category": name}))} for name in names
    ]


def review(data: dict[str, Any], wanted: dict[str, str], ref: str) -> Answer:
    return 201, {"stars": data.get("stars", 5), "text": str(data.get("text", ""))}


def old_order(order: dict[str, Any]) -> dict[str, Any]:
    """An order as version 1 shows it."""
    return {"id": order["id"], "state": order["state"], "total": order["total_cents"] / 100}


def old_orders(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    return 200, [old_order(order) for order in ORDERS]


def old_one(data: dict[str, Any], wanted: dict[str, str], ref: str) -> Answer:
    status, order = one(ORDERS, "id", data, wanted, ref)
    return (status, old_order(order)) if status == 200 else (status, order)


def old_placed(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    return 201, old_order(ORDERS[1])


def cancelled(data: dict[str, Any], wanted: dict[str, str], ref: str) -> Answer:
    return 204, None


def orders(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    return 200, {"items": picked(ORDERS, "state", wanted)}


def placed(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    lines = data.get("lines") if isinstance(data.get("lines"), list) else LINES
    return 201, ORDERS[1] | {"id": "o-1004", "lines": lines}


def payments(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    return 200, {"items": PAYMENTS, "next": None}


def authorised(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    return 201, PAYMENTS[1] | {"id": "p-2003", "amount_cents": data.get("amount_cents", 9800)}


def refunded(data: dict[str, Any], wanted: dict[str, str], ref: str) -> Answer:
    status, payment = one(PAYMENTS, "id", data, wanted, ref)
    return (201, payment | {"state": "refunded"}) if status == 200 else (status, payment)


def consents(data: dict[str, Any], wanted: dict[str, str], ref: str) -> Answer:
    return 200, {name: bool(data.get(name)) for name in ("newsletter", "profiling")}


def events(rows: list[dict[str, Any]], data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    after = int(wanted["after"]) if wanted.get("after", "").isdecimal() else 0
    return 200, {"items": [row for row in rows if row["id"] > after]}


def every(rows: list[dict[str, Any]], field: str, data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    return 200, picked(rows, field, wanted)


def graph(data: dict[str, Any], wanted: dict[str, str]) -> Answer:
    from graphql import graphql_sync  # noqa: PLC0415  only those who ask pay for the import

    query = data.get("query") or wanted.get("query")
    if not isinstance(query, str):
        return 400, {"errors": [{"message": "Send a query."}]}
    values = data.get("variables") if isinstance(data.get("variables"), dict) else None
    return 200, graphql_sync(schema(), query, Root(), variable_values=values).formatted


class Root:
    """The fields of Query and Mutation."""

    def products(self, info: Any, category: str | None = None) -> list[dict[str, Any]]:
        return picked(PRODUCTS, "category", {"category": category} if category else {})

    def product(self, info: Any, sku: str) -> dict[str, Any] | None:
        return next((product for product in PRODUCTS if product["sku"] == sku), None)

    def stores(self, info: Any, city: str | None = None) -> list[dict[str, Any]]:
        return picked(STORES, "city", {"city": city} if city else {})

    def order(self, info: Any, id: str) -> dict[str, Any] | None:  # noqa: A002  the name in the schema
        return next((order for order in ORDERS if order["id"] == id), None)

    def placeOrder(self, info: Any, sku: str, quantity: int) -> dict[str, Any]:  # noqa: N802  the name in the schema
        return ORDERS[1] | {"id": "o-1004", "lines": [{"sku": sku, "quantity": quantity}]}


def old_price(product: dict[str, Any], info: Any) -> float:
    return product["price_cents"] / 100


@cache
def schema() -> Any:
    """The schema, from the manifest that publishes it."""
    import yaml  # noqa: PLC0415
    from graphql import build_schema  # noqa: PLC0415

    manifest = Path(__file__).parent / "manifests" / "storefront" / "storefront-graph.yaml"
    text = next(
        found["data"]["schema.graphql"]
        for found in yaml.safe_load_all(manifest.read_text())
        if found["kind"] == "ConfigMap"
    )
    built = build_schema(text)
    built.type_map["Product"].fields["price"].resolve = old_price
    return built


Give = Callable[..., Answer]
REF = r"(?P<ref>[^/]+)"
ROUTES: list[tuple[str, re.Pattern[str], Give]] = [
    (method, re.compile(path), give)
    for method, path, give in [
        ("GET", "/products", products),
        ("GET", f"/products/{REF}", partial(one, PRODUCTS, "sku")),
        ("POST", f"/products/{REF}/reviews", review),
        ("GET", "/categories", categories),
        ("GET", "/v1/orders", old_orders),
        ("POST", "/v1/orders", old_placed),
        ("GET", f"/v1/orders/{REF}", old_one),
        ("GET", "/orders", orders),
        ("POST", "/orders", placed),
        ("GET", f"/orders/{REF}", partial(one, ORDERS, "id")),
        ("DELETE", f"/orders/{REF}", cancelled),
        ("GET", "/stores", partial(every, STORES, "city")),
        ("GET", f"/stores/{REF}", partial(one, STORES, "id")),
        ("POST", "/graphql/?", graph),
        ("GET", "/graphql/?", graph),
        ("GET", "/payments", payments),
        ("POST", "/payments", authorised),
        ("GET", f"/payments/{REF}", partial(one, PAYMENTS, "id")),
        ("POST", f"/payments/{REF}/refunds", refunded),
        ("GET", "/events/orders", partial(events, ORDER_EVENTS)),
        ("GET", "/events/parcels", partial(events, PARCEL_EVENTS)),
        ("GET", "/shipments", partial(every, SHIPMENTS, "state")),
        ("GET", f"/shipments/{REF}", partial(one, SHIPMENTS, "id")),
        ("GET", "/profiles", partial(every, PROFILES, "id")),
        ("GET", f"/profiles/{REF}", partial(one, PROFILES, "id")),
        ("PUT", f"/profiles/{REF}/consents", consents),
    ]
]
