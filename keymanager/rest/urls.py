from django.urls import path
from rest_framework.routers import SimpleRouter

from . import client_keys, consents, cutoffs, issuers, views

router = SimpleRouter()
router.register("credentials", views.Credentials, basename="rest-credentials")
router.register("consents", consents.Consents, basename="rest-consents")
router.register("issuers", issuers.Issuers, basename="rest-issuers")
router.register("signing-keys", views.SigningKeys, basename="rest-signing-keys")
urlpatterns = [
    path(
        "applications/<str:application>/credentials/",
        views.ApplicationCredentials.as_view({"get": "list", "post": "create"}),
        name="rest-application-credentials",
    ),
    path(
        "applications/<str:application>/revoke-tokens/",
        cutoffs.RevokeIssuedTokens.as_view(),
        name="rest-revoke-tokens",
    ),
    path("revoked-tokens/", views.RevokedTokens.as_view({"post": "create"}), name="rest-revoked-tokens"),
    path("credentials/<str:id>/keys/", client_keys.ClientKeys.as_view(), name="rest-client-keys"),
    *router.urls,
]
