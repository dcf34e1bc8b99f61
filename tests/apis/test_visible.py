"""Two ways to ask which versions somebody sees say the same."""

import pytest
from django.contrib.auth.models import AnonymousUser

from apis.models import Api, ApiVersion, Publication, Visibility
from tests.factories import ApiFactory, ApiVersionFactory, TeamFactory, UserFactory, person


@pytest.mark.django_db
def test_versions_of_a_visible_api_are_those_that_are_visible() -> None:
    team = TeamFactory(slug="publishers")
    for visibility in Visibility.values:
        api = ApiFactory(slug=f"api-{visibility}", team=team, visibility=visibility)
        for n, status in enumerate(Publication.values):
            ApiVersionFactory(api=api, version=f"{n}.0.0", status=status)
    readers = [
        AnonymousUser(),
        UserFactory(),
        UserFactory(is_admin=True),
        person("Mara Member", team="publishers"),
        person("Otto Other", team="others"),
    ]
    for reader in readers:
        for api in Api.objects.visible_to(reader):
            seen = set(ApiVersion.objects.seen_of(api, reader))
            assert seen == set(ApiVersion.objects.visible_to(reader).filter(api=api))
            assert seen
