from django.urls import include, path

from .views import client_keys, credentials, inventory, issuers, personal, signing_keys, tokens

app_name = "keymanager"
urlpatterns = [
    path("applications/<str:public_id>/new-client/", credentials.new_client, name="new-client"),
    path("applications/<str:public_id>/new-key/", credentials.new_key, name="new-key"),
    path("applications/<str:public_id>/new-external-client/", issuers.new_client, name="new-external-client"),
    path("applications/<str:public_id>/token/", tokens.panel, name="mint"),
    path("applications/<str:public_id>/revoke-tokens/", tokens.revoke_all, name="revoke-tokens"),
    path("credentials/", inventory.inventory, name="credentials"),
    path("credentials.csv", inventory.export, name="credentials-csv"),
    path("credentials/<str:public_id>/", credentials.credential, name="credential"),
    path("credentials/<str:public_id>/rotate/", credentials.rotate, name="rotate"),
    path("credentials/<str:public_id>/revoke/", credentials.revoke, name="revoke"),
    path("credentials/<str:public_id>/keys/", client_keys.keys, name="client-keys"),
    path("credentials/<str:public_id>/keys/withdraw/", client_keys.withdraw, name="withdraw-client-keys"),
    path("revoke-token/", tokens.revoke, name="revoke-a-token"),
    path("account/tokens/", personal.tokens, name="tokens"),
    path("account/tokens/<str:public_id>/revoke/", personal.revoke, name="revoke-personal-token"),
    path("signing-keys/", signing_keys.signing_keys, name="signing-keys"),
    path("signing-keys/rotate/", signing_keys.rotate, name="rotate-signing-key"),
    path("issuers/", issuers.issuers, name="issuers"),
    path("issuers/new/", issuers.new, name="new-issuer"),
    path("issuers/<str:public_id>/", issuers.issuer, name="issuer"),
    path("issuers/<str:public_id>/edit/", issuers.edit, name="edit-issuer"),
    path("issuers/<str:public_id>/refresh/", issuers.refresh, name="refresh-issuer"),
    path("issuers/<str:public_id>/disable/", issuers.disable, name="disable-issuer"),
    path("issuers/<str:public_id>/enable/", issuers.enable, name="enable-issuer"),
    path("issuers/<str:public_id>/delete/", issuers.delete, name="delete-issuer"),
    path("", include("keymanager.oauth.urls")),
]
