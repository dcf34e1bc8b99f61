from django.urls import path

from . import authorize, consent, device, oidc, views

urlpatterns = [
    path("o/authorize/", authorize.authorize, name="authorize"),
    path("account/consents/", consent.consents, name="consents"),
    path("account/consents/<str:public_id>/withdraw/", consent.withdraw, name="withdraw-consent"),
    path("o/userinfo/", oidc.userinfo, name="userinfo"),
    path("o/device_authorization/", views.device_authorization, name="device-authorization"),
    path("device/", device.device, name="device"),
    path("o/token/", views.token, name="token"),
    path("o/revoke_token/", views.revoke, name="revoke-token"),
    path("o/introspect/", views.introspect, name="introspect"),
    path("o/.well-known/jwks.json", views.jwks, name="jwks"),
    # RFC 8414 3.1 puts the well-known part before the issuer's path; OpenID Connect, and many clients, after it.
    path(".well-known/oauth-authorization-server/o", views.metadata, name="oauth-metadata"),
    path("o/.well-known/oauth-authorization-server", views.metadata),
    path("o/.well-known/openid-configuration", views.metadata, name="openid-metadata"),
]
