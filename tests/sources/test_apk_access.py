"""Subscription and ApplicationMapping of cp.wso2.com."""

import pytest

from apis.sources import ObjectRef, PublishedAccess
from apis.sources.apk.kinds import SUBSCRIPTIONS
from tests.sources.apk import application, joined, subscription
from tests.sources.objects import fields, reading


def test_mapping_is_access():
    (found,) = reading(joined(), application(), subscription()).published
    ref = ObjectRef("test", "cp.wso2.com/v1alpha2/ApplicationMapping", "shop", "map-1", "u-1", 3)
    assert found == PublishedAccess(ref, "Pet Shop", "^1\\.0\\.8$", "Web shop", "alice", "gold", "ACTIVE")


def test_subscription_of_the_older_generation_has_no_plan():
    (found,) = reading(joined(), application(), subscription(kind=SUBSCRIPTIONS[1])).published
    assert (found.api, found.plan) == ("Pet Shop", "")


def test_subscription_without_a_mapping_is_shown_alone():
    (found,) = reading(subscription(subscriptionStatus="BLOCKED"), joined(subscription="other")).published
    assert found.ref.kind == "cp.wso2.com/v1alpha3/Subscription"
    assert (found.api, found.application, found.owner, found.status) == ("Pet Shop", "", "", "BLOCKED")


def test_subscription_with_a_mapping_is_shown_once():
    found = reading(subscription(), joined())
    assert (found.published, found.problems) == ((), ())


@pytest.mark.parametrize(
    ("obj", "others", "field"),
    [
        (joined(application=None), (subscription(),), "spec.applicationRef"),
        (joined(subscription=7), (application(),), "spec.subscriptionRef"),
        (joined(), (application(),), "spec.subscriptionRef"),
        (joined(), (subscription(),), "spec.applicationRef"),
        (joined(), (application(), subscription(api={})), "spec.api.name"),
        (subscription(api={"name": 7}), (), "spec.api.name"),
        (subscription(api=None), (), "spec.api.name"),
    ],
)
def test_what_is_wrong_names_its_field(obj, others, field):
    found = reading(obj, *others)
    assert found.published == ()
    assert field in fields(found)


def test_application_without_a_name_is_called_by_its_objects():
    from apis.sources.apk.kinds import APPLICATIONS
    from tests.sources.objects import make

    (found,) = reading(joined(), make(APPLICATIONS[0], "app-1", spec={}), subscription()).published
    assert found.application == "app-1"
