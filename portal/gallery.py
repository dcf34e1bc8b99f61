"""What the component gallery shows: every part of the page in every state, with made-up names and numbers."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

STATUSES = (
    *("discovered", "published", "deprecated", "retired", "blocked", "pending", "active", "rejected"),
    *("suspended", "change_pending", "cancelled", "expired", "retiring", "revoked"),
)
CURL = """# Products, newest first
curl "http://127.0.0.1:8081/products/v2/products?limit=2" \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Accept: application/json"
"""
MARKDOWN = """## About this API

Read it from **anywhere**; write with the scope `products:write`. See [paging](/components/#text).

| Status | Means |
|---|---|
| 401 | The key or token was not recognised |
| 429 | The plan's limit is used up |
"""


class GalleryForm(forms.Form):
    """Each kind of control once, as `{{ form }}` draws it."""

    name = forms.CharField(help_text=_("Consumers of your events see this name."))
    callback = forms.URLField(label=_("Callback URL"), assume_scheme="https")
    plan = forms.ChoiceField(choices=[("standard", "Standard, 600 a minute"), ("free", "Free, 60 a minute")])
    reason = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    quota = forms.CharField(disabled=True, initial="Set by the plan", required=False)
    scopes = forms.MultipleChoiceField(
        choices=[("read", "products:read"), ("write", "products:write")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    environment = forms.ChoiceField(
        choices=[("production", "Production"), ("sandbox", "Sandbox")], widget=forms.RadioSelect
    )
    agree = forms.BooleanField(label=_("Tell me when it changes"), required=False)

    def clean_callback(self) -> str:
        raise forms.ValidationError(gettext("Use https. Only localhost may use http."))


def context() -> dict[str, Any]:
    """Names that the gallery's includes read, each as their own file describes it."""
    now = timezone.now()
    rows = Paginator(range(731), 20).page(2)
    return {
        "statuses": STATUSES,
        "verbs": ("GET", "POST", "PUT", "PATCH", "DELETE", "SUBSCRIBE"),
        "names": ("Products API", "Payments", "Orders Events", "Inventory", "Customers", "Shipping rates"),
        "form": GalleryForm(
            {
                "g-name": "Checkout web",
                "g-callback": "http://shop.example.com/cb",
                "g-plan": "standard",
                "g-scopes": ["read"],
                "g-environment": "production",
            },
            prefix="g",
        ),
        "curl": CURL,
        "markdown": MARKDOWN,
        "rows": rows,
        "pages": rows.paginator.get_elided_page_range(rows.number, on_each_side=1, on_ends=1),
        "facets": _FACETS,
        "pillars": _PILLARS,
        "hops": [{**hop, "at": now if hop["took"] else None} for hop in _HOPS],
        "links": _LINKS,
        "events": [{**event, "at": now - timedelta(hours=2)} for event in _EVENTS],
        "moment": now - timedelta(seconds=4),
        "soon": now + timedelta(hours=3, seconds=5),
    }


_FACETS = (
    {
        "name": "type",
        "label": "Type",
        "options": (
            {"value": "rest", "label": "REST", "count": 31, "checked": True},
            {"value": "graphql", "label": "GraphQL", "count": 5, "checked": False},
        ),
    },
    {
        "name": "status",
        "label": "Status",
        "options": ({"value": "deprecated", "label": "Deprecated", "count": 3, "checked": False},),
    },
)
_PILLARS = (
    {
        "name": "Desired",
        "icon": "save",
        "state": "ok",
        "word": "Saved",
        "claim": "v1.4.2, 2 plans",
        "evidence": "api/shipping-rates · generation 7",
    },
    {
        "name": "In cluster",
        "icon": "cube",
        "state": "warn",
        "word": "Behind",
        "claim": "Generation 6 of 7",
        "evidence": "HTTPRoute ResolvedRefs=False · BackendNotFound",
    },
    {
        "name": "Live probe",
        "icon": "pulse",
        "state": "bad",
        "word": "503",
        "claim": "Failing for 4 min",
        "evidence": "GET /healthz · no healthy upstream",
    },
)
_HOPS = (
    {
        "name": "Saved",
        "status": "done",
        "took": 14,
        "evidence": "Stored, with an audit entry.",
        "raw": "sub_9f2c41e0",
    },
    {"name": "Compiled", "status": "done", "took": 9, "evidence": "8 APIs, 3 subscriptions.", "raw": ""},
    {"name": "Written", "status": "done", "took": 21, "evidence": "", "raw": "production.rds.yaml"},
    {
        "name": "Accepted by the gateway",
        "status": "running",
        "took": 988,
        "evidence": "Usually within a second.",
        "raw": "",
    },
    {
        "name": "Probed",
        "status": "waiting",
        "took": None,
        "evidence": "Starts when the gateway accepts.",
        "raw": "",
    },
)
_LINKS = (
    {"state": "ok", "name": "Credential known", "text": "ptk_live_9Zu1", "after": False},
    {
        "state": "bad",
        "name": "Revoked: refused here",
        "text": "By Mara Lindqvist on 9 Sep. Make a new key.",
        "after": False,
    },
    {"state": "idle", "name": "Upstream", "text": "Not reached", "after": True},
)
_EVENTS = (
    {"status": "approved", "text": "Approved by Aiko Brandt", "note": "For the checkout only."},
    {"status": "pending", "text": "Asked by Mara Lindqvist", "note": ""},
)
