from django.urls import path
from rest_framework.routers import SimpleRouter

from ..request_forms.rest import RequestFormView
from . import views

router = SimpleRouter()
router.register("applications", views.Applications, basename="rest-applications")
router.register("subscriptions", views.Subscriptions, basename="rest-subscriptions")
urlpatterns = [
    path("apis/<slug:slug>/request-form/", RequestFormView.as_view(), name="rest-request-form"),
    *router.urls,
]
