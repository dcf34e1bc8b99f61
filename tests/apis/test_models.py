"""The publication table: every pair of statuses, and what the database itself refuses."""

import itertools

import pytest
from django.db import IntegrityError

from apis.models import ApiVersion, Publication
from portal.errors import Conflict
from tests import factories

LEGAL = {
    ("discovered", "published"),
    ("discovered", "rejected"),
    ("rejected", "discovered"),
    ("rejected", "published"),
    ("published", "deprecated"),
    ("published", "blocked"),
    ("blocked", "published"),
    ("deprecated", "retired"),
    ("deprecated", "published"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Publication.values, repeat=2)))
def test_publication_transitions(before, after):
    version = ApiVersion(status=before)
    if (before, after) in LEGAL:
        version.move_to(after)
        assert version.status == after
    else:
        with pytest.raises(Conflict, match=before):
            version.move_to(after)
        assert version.status == before


def test_version_is_unique_in_its_api(db):
    version = factories.ApiVersionFactory()
    with pytest.raises(IntegrityError, match="version_once_per_api"):
        factories.ApiVersionFactory(api=version.api, object_name="other", base_path="/other")


def test_version_base_path_is_unique_among_present_ones(db):
    factories.ApiVersionFactory(base_path="/same")
    with pytest.raises(IntegrityError, match="version_base_path_once"):
        factories.ApiVersionFactory(base_path="/same")


def test_version_unknown_status_is_refused(db):
    with pytest.raises(IntegrityError, match="version_status_known"):
        factories.ApiVersionFactory(status="lost")


def test_version_base_urls_follow_environments(settings):
    settings.GATEWAY_URLS = {
        "production": "https://api.example.com",
        "sandbox": "https://sandbox.example.com",
    }
    version = ApiVersion(base_path="/orders/v1", upstreams={"sandbox": {"url": "http://x"}})
    assert version.base_urls == {"sandbox": "https://sandbox.example.com/orders/v1"}
