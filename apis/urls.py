from django.urls import URLPattern

app_name = "apis"
urlpatterns: list[URLPattern] = []
