"""Every address of the portal."""

from django.urls import URLPattern, URLResolver, include, path

from portal import health, metrics, views

handler400 = "portal.responses.bad_request"
handler403 = "portal.responses.forbidden"
handler404 = "portal.responses.not_found"
handler429 = "portal.responses.too_many_requests"
handler500 = "portal.responses.server_error"

rest: list[URLPattern | URLResolver] = [
    path("", include("portal.accounts.rest.urls")),
    path("", include("apis.rest.urls")),
    path("", include("subscriptions.rest.urls")),
    path("", include("keymanager.rest.urls")),
    path("", include("gateway.rest.urls")),
    path("schema/", views.schema, name="rest-schema"),
]

urlpatterns = [
    path("", include("apis.urls")),
    path("", include("subscriptions.urls")),
    path("", include("keymanager.urls")),
    path("", include("gateway.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("allauth.urls")),
    path("find/", views.find, name="find"),
    path("api/v1/", include(rest)),
    path("api/docs/", views.rest_docs, name="rest-docs"),
    path("components/", views.components, name="components"),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
]
