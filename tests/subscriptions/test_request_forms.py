"""A publisher's request form, from the editor to the reviewer: by the pages and by REST."""

import json

import pytest

from portal.accounts.models import AuditEvent
from portal.errors import Forbidden, Invalid
from subscriptions import actions
from subscriptions.models import RequestForm, Subscription
from subscriptions.request_forms.actions import set_request_form

JSON = "application/json"
SCHEMA = {
    "type": "object",
    "properties": {
        "zeal": {"type": "string", "title": "Why <b>us</b>?", "maxLength": 100},
        "calls": {"type": "integer", "title": "Calls a day", "minimum": 1},
    },
    "required": ["zeal"],
}
EDITOR = "/apis/products/request-form/"
REST = "/api/v1/apis/products/request-form/"


@pytest.fixture
def asked(api, publisher) -> RequestForm:
    form = set_request_form(api=api, schema=json.dumps(SCHEMA), by=publisher)
    assert form
    return form


def test_request_form_is_numbered_and_in_the_trail(api, publisher, asked):
    again = set_request_form(api=api, schema=json.dumps(SCHEMA, indent=8), by=publisher)
    other = set_request_form(api=api, schema=json.dumps({**SCHEMA, "required": []}), by=publisher)
    none = set_request_form(api=api, schema="", by=publisher)
    assert (asked.number, again, other.number, none.number) == (1, asked, 2, 3)
    assert RequestForm.objects.current_of(api) is None
    events = AuditEvent.objects.filter(target_id=api.slug).order_by("pk")
    assert [(event.event, event.data) for event in events] == [
        ("request_form_changed", {"number": 1}),
        ("request_form_changed", {"number": 2}),
        ("request_form_removed", {"number": 3}),
    ]


def test_request_form_is_for_publishers(api, consumer):
    with pytest.raises(Forbidden):
        set_request_form(api=api, schema=json.dumps(SCHEMA), by=consumer)


def test_answers_keep_the_form_that_they_answer(api, application, gold, consumer, publisher, asked):
    row = actions.subscribe(
        application=application, api=api, plan=gold, by=consumer, answers={"calls": 5, "zeal": "x"}
    )
    set_request_form(api=api, schema="", by=publisher)
    row = Subscription.objects.get(pk=row.pk)
    assert row.form == asked
    assert row.answered == [("Why <b>us</b>?", "x"), ("Calls a day", "5")]
    assert AuditEvent.objects.get(event="subscription_requested").data["form"] == 1


def test_subscribe_without_the_answers_makes_nothing(api, application, free, consumer, asked):
    with pytest.raises(Invalid, match="zeal: It needs an answer"):
        actions.subscribe(application=application, api=api, plan=free, by=consumer)
    with pytest.raises(Invalid):
        actions.subscribe_new(team=application.team, name="Another", api=api, plan=free, by=consumer)
    assert not Subscription.objects.exists()
    assert application.team.applications.count() == 1


# ---- pages --------------------------------------------------------------------------------------------------------
def test_editor_saves_previews_and_removes(client_as, publisher, api):
    client = client_as(publisher)
    assert b"What will you build?" in client.get(EDITOR).content
    shown = client.post(f"{EDITOR}?preview", {"schema": json.dumps(SCHEMA)})
    assert b"Why &lt;b&gt;us&lt;/b&gt;?" in shown.content
    assert not RequestForm.objects.exists()
    assert client.post(EDITOR, {"schema": json.dumps(SCHEMA)}).status_code == 302
    assert b"Form 1, by Pia Publisher" in client.get(EDITOR).content
    assert b"Why &lt;b&gt;us&lt;/b&gt;?" in client.get("/apis/products/1.0.0/plans/").content
    assert client.post(f"{EDITOR}?remove").status_code == 302
    assert RequestForm.objects.current_of(api) is None


def test_editor_keeps_what_was_typed_and_says_what_is_wrong(client_as, publisher, api):
    typed = json.dumps({**SCHEMA, "pattern": "(a+)+"})
    answer = client_as(publisher).post(EDITOR, {"schema": typed})
    assert answer.status_code == 400
    assert b"pattern is not taken" in answer.content
    assert answer.context["form"]["schema"].value() == typed
    part = client_as(publisher).post(f"{EDITOR}?preview", {"schema": typed}, HTTP_HX_REQUEST="true")
    assert part.status_code == 200
    assert b"pattern is not taken" in part.content
    assert b"<html" not in part.content


def test_editor_is_for_publishers(client_as, consumer, stranger, api):
    assert client_as(consumer).get(EDITOR).status_code == 403
    assert client_as(consumer).post(EDITOR, {"schema": json.dumps(SCHEMA)}).status_code == 403
    assert client_as(None).get(EDITOR).status_code == 302
    assert not RequestForm.objects.exists()


def test_subscribe_page_asks_and_reviewer_reads(client_as, consumer, publisher, application, api, asked):
    client, body = client_as(consumer), {"application": application.public_id, "plan": "gold"}
    page = client.get("/apis/products/subscribe/")
    assert b"Why &lt;b&gt;us&lt;/b&gt;?" in page.content
    refused = client.post("/apis/products/subscribe/", {**body, "answers-calls": "0"})
    assert refused.status_code == 200
    assert set(refused.context["answers"].errors) == {"zeal", "calls"}
    harm = "<script>alert(1)</script>"
    answer = client.post("/apis/products/subscribe/", {**body, "answers-zeal": harm, "answers-calls": "12"})
    row = Subscription.objects.get()
    assert answer["Location"] == row.get_absolute_url()
    assert row.answers == {"zeal": harm, "calls": 12}
    for person, path in (
        (consumer, row.get_absolute_url()),
        (publisher, row.get_absolute_url()),
        (publisher, "/approvals/"),
    ):
        page = client_as(person).get(path).content
        assert b"&lt;script&gt;alert(1)" in page, path
        assert b"<script>alert(1)" not in page, path
        assert b"Why &lt;b&gt;us" in page, path


def test_subscribe_page_registers_the_first_application(client_as, consumer, api):
    client = client_as(consumer)
    page = client.get("/apis/products/subscribe/")
    assert b"Name of your application" in page.content
    body = {"name": "First", "team": "consumers", "plan": "free"}
    answer = client.post("/apis/products/subscribe/", body)
    row = Subscription.objects.get()
    assert (answer["Location"], row.application.name) == (row.get_absolute_url(), "First")
    assert row.application.team.slug == "consumers"


def test_approvals_count_their_queries_with_answers(
    client_as, publisher, consumer, api, gold, asked, django_assert_max_num_queries
):
    for n in range(12):
        actions.subscribe_new(
            team=consumer.memberships.get().team,
            name=f"App {n}",
            api=api,
            plan=gold,
            by=consumer,
            answers={"zeal": "x"},
        )
    client = client_as(publisher)
    with django_assert_max_num_queries(14):
        assert client.get("/approvals/").content.count(b"1 answer") == 12


# ---- REST ---------------------------------------------------------------------------------------------------------
def test_rest_reads_writes_and_removes(client_as, publisher, consumer, api):
    client = client_as(publisher)
    assert client.get(REST).json()["schema"] is None
    saved = client.put(REST, {"schema": SCHEMA}, JSON)
    assert (saved.status_code, saved.json()["number"]) == (200, 1)
    found = client_as(None).get(REST).json()["schema"]
    assert found == SCHEMA
    assert list(found["properties"]) == ["zeal", "calls"]
    bad = client.put(REST, {"schema": {"type": "array"}}, JSON)
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["schema"])
    assert client_as(consumer).put(REST, {"schema": SCHEMA}, JSON).status_code == 403
    assert client.delete(REST).status_code == 204
    assert client.get(REST).json() == {"number": 0, "schema": None, "created_at": None}


def test_rest_subscribes_with_answers(client_as, consumer, application, api, asked):
    client = client_as(consumer)
    body = {"application": application.public_id, "api": "products", "plan": "gold"}
    for answers in ({}, {"zeal": 5}, {"zeal": "x", "more": 1}, {"zeal": "x", "calls": {"a": []}}, None, []):
        refused = client.post("/api/v1/subscriptions/", {**body, "answers": answers}, JSON)
        assert (refused.status_code, "answers" in refused.json()["errors"]) == (400, True), answers
    done = client.post("/api/v1/subscriptions/", {**body, "answers": {"zeal": "x"}}, JSON)
    assert done.status_code == 202, done.content
    assert (done.json()["form"], done.json()["answers"]) == (1, {"zeal": "x"})
