from django.urls import path

from . import usage_views, views

app_name = "gateway"
urlpatterns = [
    path("usage/", usage_views.usage, name="usage"),
    path("usage/calls.csv", usage_views.export, name="usage-csv"),
    path("usage/failed/", usage_views.failed_calls, name="failed-calls"),
    path("receipts/<str:public_id>/", views.receipt, name="receipt"),
    path("receipts/<str:public_id>/probe/", views.probe_again, name="probe-again"),
]
