from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("applications", views.Applications, basename="rest-applications")
router.register("subscriptions", views.Subscriptions, basename="rest-subscriptions")
urlpatterns = router.urls
