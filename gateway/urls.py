from django.urls import path

from . import views

app_name = "gateway"
urlpatterns = [
    path("receipts/<str:public_id>/", views.receipt, name="receipt"),
    path("receipts/<str:public_id>/probe/", views.probe_again, name="probe-again"),
]
