from django.urls import URLPattern

app_name = "keymanager"
urlpatterns: list[URLPattern] = []
