"""The pages. test_rest.py carries the same cases over REST."""

import pytest

from apis.models import Publication
from tests import factories

pytestmark = pytest.mark.django_db


def test_catalog_lists(client):
    api = factories.ApiVersionFactory(plans=[factories.PlanFactory()]).api
    response = client.get("/")
    assert response.status_code == 200
    assert api.name in response.content.decode()


@pytest.mark.parametrize("tab", ["", "operations/", "plans/", "source/"])
def test_version_tabs(client_as, publisher, tab):
    version = factories.ApiVersionFactory(plans=[factories.PlanFactory()])
    response = client_as(publisher).get(f"/apis/{version.api.slug}/{version.version}/{tab}")
    assert response.status_code == 200
