from django.urls import path

from .views import home, receipts, status, subscribers, tryit, usage, why

app_name = "gateway"
urlpatterns = [
    path("apis/<slug:slug>/<version:version>/subscribers/", subscribers.subscribers, name="subscribers"),
    path("apis/<slug:slug>/<version:version>/subscribers.csv", subscribers.export, name="subscribers-csv"),
    path("home/", home.home, name="home"),
    path("usage/", usage.usage, name="usage"),
    path("usage/calls.csv", usage.export, name="usage-csv"),
    path("usage/failed/", usage.failed_calls, name="failed-calls"),
    path("why/", why.why, name="why"),
    path("try/<slug:slug>/<version:version>/words.json", tryit.words, name="try-words"),
    path("try/<slug:slug>/<version:version>/<str:operation>/", tryit.attempt, name="try"),
    path("status/", status.status, name="status"),
    path("receipts/<str:public_id>/", receipts.receipt, name="receipt"),
    path("receipts/<str:public_id>/probe/", receipts.probe_again, name="probe-again"),
]
