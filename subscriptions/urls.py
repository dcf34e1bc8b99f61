from django.urls import path

from .request_forms.views import request_form
from .views import applications, approvals, subscriptions

app_name = "subscriptions"
urlpatterns = [
    path("applications/", applications.applications, name="applications"),
    path("applications/new/", applications.register, name="register"),
    path("applications/<str:public_id>/", applications.application, name="application"),
    path("applications/<str:public_id>/team/", applications.team, name="application-team"),
    path("applications/<str:public_id>/activity/", applications.activity, name="application-activity"),
    path("applications/<str:public_id>/edit/", applications.edit, name="edit"),
    path("applications/<str:public_id>/delete/", applications.delete, name="delete"),
    path("applications/<str:public_id>/transfer/", applications.transfer, name="transfer"),
    path("apis/<slug:slug>/subscribe/", subscriptions.subscribe, name="subscribe"),
    path("apis/<slug:slug>/request-form/", request_form, name="request-form"),
    path("subscriptions/<str:public_id>/", subscriptions.subscription, name="subscription"),
    path("subscriptions/<str:public_id>/change-plan/", subscriptions.change_plan, name="change-plan"),
    path("subscriptions/<str:public_id>/withdraw/", subscriptions.withdraw_plan_change, name="withdraw"),
    path("subscriptions/<str:public_id>/cancel/", subscriptions.cancel, name="cancel"),
    path("subscriptions/<str:public_id>/approve/", subscriptions.approve, name="approve"),
    path("subscriptions/<str:public_id>/reject/", subscriptions.reject, name="reject"),
    path("subscriptions/<str:public_id>/suspend/", subscriptions.suspend, name="suspend"),
    path("subscriptions/<str:public_id>/resume/", subscriptions.resume, name="resume"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/decide/", approvals.decide, name="decide"),
]
