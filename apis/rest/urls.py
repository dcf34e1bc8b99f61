from django.urls import path
from rest_framework.routers import SimpleRouter

from . import changes, docs, enforcement, views

router = SimpleRouter()
router.register("apis", views.Apis, basename="rest-apis")
router.register(r"apis/(?P<slug>[-a-zA-Z0-9_]+)/versions", views.Versions, basename="rest-versions")
router.register(
    r"apis/(?P<slug>[-a-zA-Z0-9_]+)/versions/(?P<version>[^/]+)/docs", docs.Docs, basename="rest-docs-pages"
)
router.register(
    r"apis/(?P<slug>[-a-zA-Z0-9_]+)/versions/(?P<version>[^/]+)/changes",
    changes.Changes,
    basename="rest-changes",
)
router.register("plans", views.Plans, basename="rest-plans")
router.register("sync-runs", views.SyncRuns, basename="rest-sync-runs")
router.register("sync-problems", views.SyncProblems, basename="rest-sync-problems")
router.register("sync-clusters", views.SyncClusters, basename="rest-sync-clusters")
router.register("sync-backends", views.SyncBackends, basename="rest-sync-backends")
urlpatterns = [
    path(
        "apis/<slug:slug>/versions/<str:version>/enforcement/",
        enforcement.Enforcement.as_view(),
        name="rest-enforcement",
    ),
    *router.urls,
]
