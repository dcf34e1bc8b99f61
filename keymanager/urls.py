from django.urls import include, path

app_name = "keymanager"
urlpatterns = [
    path("", include("keymanager.oauth.urls")),
]
