import pytest

from apis.models import PlanApproval
from subscriptions.models import SubscriptionStatus
from tests import factories


@pytest.fixture
def free(db):
    return factories.PlanFactory(slug="free")


@pytest.fixture
def gold(db):
    return factories.PlanFactory(slug="gold", approval=PlanApproval.MANUAL)


@pytest.fixture
def api(free, gold):
    return factories.ApiVersionFactory(api=factories.ApiFactory(slug="products"), plans=[free, gold]).api


@pytest.fixture
def application(consumer):
    return factories.ApplicationFactory(name="Checkout web")


@pytest.fixture
def pending(application, api, gold):
    return factories.SubscriptionFactory(
        application=application, api=api, plan=gold, status=SubscriptionStatus.PENDING
    )


@pytest.fixture
def active(application, api, free):
    return factories.SubscriptionFactory(application=application, api=api, plan=free)
