from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("receipts", views.Receipts, basename="rest-receipts")
urlpatterns = router.urls
