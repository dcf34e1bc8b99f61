from django.urls import path
from rest_framework.routers import SimpleRouter

from . import status, usage, views, why

router = SimpleRouter()
router.register("receipts", views.Receipts, basename="rest-receipts")
router.register("usage", usage.Usage, basename="rest-usage")
router.register("quotas", usage.Quotas, basename="rest-quotas")
router.register("failed-calls", usage.FailedCalls, basename="rest-failed-calls")
urlpatterns = [
    *router.urls,
    path("why/", why.Why.as_view(), name="rest-why"),
    path("status/", status.PortalStatus.as_view(), name="rest-status"),
]
