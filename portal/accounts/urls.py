from django.urls import path

from . import views

app_name = "accounts"
urlpatterns = [
    path("account/", views.account, name="account"),
    path("people/<str:public_id>/delete/", views.delete_person, name="delete-person"),
    path("teams/", views.teams, name="teams"),
    path("teams/<slug:slug>/", views.team, name="team"),
    path("teams/<slug:slug>/members/", views.add_member, name="add-member"),
    path("teams/<slug:slug>/members/<str:public_id>/role/", views.change_role, name="change-role"),
    path("teams/<slug:slug>/members/<str:public_id>/remove/", views.remove_member, name="remove-member"),
    path("grants/", views.grants, name="grants"),
    path("grants/revoke/", views.revoke_grant, name="revoke-grant"),
    path("mail/", views.mail, name="mail"),
]
