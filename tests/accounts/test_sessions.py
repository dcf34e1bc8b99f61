import pytest
from django.contrib.sessions.models import Session

from portal.accounts.sessions import SessionStore, stored

pytestmark = pytest.mark.django_db


def test_session_row_does_not_hold_the_cookie(client_as, consumer):
    browser = client_as(consumer)
    key = browser.cookies["portico_session"].value
    assert browser.get("/account/").status_code == 200
    assert list(Session.objects.values_list("session_key", flat=True)) == [stored(key)]
    browser.cookies["portico_session"] = stored(key)
    assert browser.get("/account/").status_code == 302


def test_session_changes_its_key_and_ends():
    store = SessionStore()
    store["basket"] = 1
    store.save()
    former = store.session_key
    store.cycle_key()
    assert SessionStore(former).load() == {}
    assert SessionStore(store.session_key).load() == {"basket": 1}
    assert store.exists(store.session_key)
    assert not store.exists(former)
    store.flush()
    assert Session.objects.count() == 0
    assert SessionStore(None).load() == {}


def test_session_that_is_over_is_empty():
    store = SessionStore()
    store.set_expiry(-1)
    store["basket"] = 1
    store.save()
    assert SessionStore(store.session_key).load() == {}
