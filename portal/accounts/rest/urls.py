from django.urls import path
from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("teams", views.Teams, basename="rest-teams")
router.register("namespace-grants", views.Grants, basename="rest-grants")
router.register("audit-events", views.Audit, basename="rest-audit")
urlpatterns = [
    path("me/", views.Me.as_view(), name="rest-me"),
    path("people/<str:user>/", views.Person.as_view(), name="rest-person"),
    *router.urls,
]
