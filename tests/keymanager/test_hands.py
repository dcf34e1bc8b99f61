"""An application changes hands, a person leaves, a person is deleted: what calls goes on, and the trail says who did what."""

import pytest
from django.test import Client
from oauth2_provider.models import AccessToken

from keymanager import actions, signing
from keymanager.models import Consent, Credential, PersonalToken, PersonGrant, RefreshToken, RevokedToken
from portal.accounts import actions as accounts_actions
from portal.accounts.models import AuditEvent, Membership, Team, TeamRole, User
from portal.errors import Conflict, Forbidden
from subscriptions import actions as subscriptions_actions
from tests import factories
from tests.keymanager.authorization import CALLBACK, allow, redeem, refresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(application):
    """Owns `consumers`, and may register applications for `takers`."""
    owner = factories.person("Olga Owner", team="consumers", role=TeamRole.OWNER)
    Membership.objects.create(user=owner, team=takers(), role=TeamRole.MAINTAINER)
    return owner


def takers() -> Team:
    return factories.TeamFactory(slug="takers")


def transfer(application, by):
    return subscriptions_actions.transfer_application(application=application, team=takers(), by=by)


def events_of(person: str) -> list[str]:
    return list(AuditEvent.objects.filter(by_name=person).order_by("pk").values_list("event", flat=True))


# ---- an application changes hands ---------------------------------------------------------------------------------
def test_transfer_takes_everything_along(application, client_of, key_of, owner, ask, client_as):
    before = signing.verify(ask(client_of).json()["access_token"])
    transfer(application, owner)
    after = signing.verify(ask(client_of).json()["access_token"])
    for claim in ("app", "client_id", "subs", "scope"):
        assert after[claim] == before[claim]
    assert key_of.credential.usable
    taker = factories.person("Tom Taker", team="takers", role=TeamRole.MAINTAINER)
    assert set(Credential.objects.visible_to(taker)) == {client_of.credential, key_of.credential}
    assert actions.revoke(credential=key_of.credential, by=taker).status == "revoked"


def test_transfer_ends_what_the_old_team_may(application, client_of, owner, consumer, client_as):
    transfer(application, owner)
    assert not Credential.objects.visible_to(consumer).exists()
    assert client_as(consumer).get(client_of.credential.get_absolute_url()).status_code == 404
    with pytest.raises(Forbidden):
        actions.revoke(credential=client_of.credential, by=consumer)


def test_transfer_stands_in_both_trails(application, client_of, owner, consumer):
    transfer(application, owner)
    rows = AuditEvent.objects.filter(target_id=application.public_id).order_by("pk")
    assert [(row.event, row.team.slug, row.by) for row in rows] == [
        ("application_given_away", "consumers", owner),
        ("application_received", "takers", owner),
    ]
    assert rows[0].data == {"from_team": "consumers", "to_team": "takers"}
    issued = AuditEvent.objects.get(event="credential_issued")
    assert (issued.by, issued.team.slug) == (consumer, "consumers")
    assert issued in AuditEvent.objects.visible_to(consumer)


def test_transfer_refused(application, owner, consumer, stranger):
    with pytest.raises(Conflict):
        subscriptions_actions.transfer_application(application=application, team=application.team, by=owner)
    Membership.objects.create(user=consumer, team=takers(), role=TeamRole.MAINTAINER)
    with pytest.raises(Forbidden):  # a maintainer of both
        transfer(application, consumer)
    with pytest.raises(Forbidden):  # an owner, who may do nothing in the other
        subscriptions_actions.transfer_application(
            application=application, team=factories.TeamFactory(slug="others"), by=owner
        )
    factories.ApplicationFactory(name=application.name, team=takers())
    with pytest.raises(Conflict):
        transfer(application, owner)
    application.refresh_from_db()
    assert application.team.slug == "consumers"
    assert not AuditEvent.objects.filter(
        event__in=["application_given_away", "application_received"]
    ).exists()


def test_transfer_by_page(application, owner, client_as, consumer):
    page = f"/applications/{application.public_id}/transfer/"
    browser = client_as(owner)
    assert page in browser.get(f"/applications/{application.public_id}/edit/").content.decode()
    assert "Takers" in browser.get(page).content.decode()
    assert browser.post(page, {"team": "takers", "name": "wrong"}).status_code == 200
    assert browser.post(page, {"team": "strangers", "name": "Checkout"}).status_code == 200
    assert "You cannot give it away" in client_as(consumer).get(page).content.decode()
    assert browser.post(page, {"team": "takers", "name": "Checkout"}).status_code == 302
    application.refresh_from_db()
    assert application.team.slug == "takers"
    assert client_as(consumer).get(page).status_code == 404


def test_transfer_by_rest(application, owner, client_as, consumer):
    where = f"/api/v1/applications/{application.public_id}/transfer/"

    def send(person, team):
        return client_as(person).post(where, {"team": team}, content_type="application/json")

    assert send(owner, "nobody").status_code == 400
    assert send(owner, "consumers").status_code == 409
    Membership.objects.create(user=consumer, team=takers())
    assert send(consumer, "takers").status_code == 403
    response = send(owner, "takers")
    assert (response.status_code, response.json()["team"]) == (200, "takers")


# ---- a person leaves ----------------------------------------------------------------------------------------------
def test_person_leaves_a_team(application, client_of, key_of, owner, consumer, ask):
    membership = consumer.memberships.get()
    accounts_actions.remove_member(membership=membership, by=consumer)
    assert ask(client_of).status_code == 200
    assert key_of.credential.usable
    gone = User.objects.get(pk=consumer.pk)
    assert not Credential.objects.visible_to(gone).exists()
    with pytest.raises(Forbidden):
        actions.rotate(credential=client_of.credential, overlap=0, by=gone)
    assert actions.rotate(credential=client_of.credential, overlap=900, by=owner)
    assert events_of("Cora Consumer") == ["credential_issued", "credential_issued", "member_removed"]
    assert AuditEvent.objects.get(event="credential_rotated").by == owner


# ---- a person is deleted ------------------------------------------------------------------------------------------
@pytest.fixture
def tokens(client_as, stranger, ask, application, owner) -> dict[str, str]:
    """What the stranger lets a client, and a program of their own, do for them."""
    shop = factories.ClientFactory(application=application, by=owner, redirect_uris=[CALLBACK])
    body = redeem(ask, shop, allow(client_as(stranger), shop, scope="openid items:read")).json()
    factories.person("Second Owner", team="strangers", role=TeamRole.OWNER)
    own = actions.issue_personal_token(by=stranger, name="CI", scopes=["portal:read"], days=1)
    return {**body, "own": own.secret, "shop": shop}


def test_deleted_persons_grants_end(tokens, stranger, admin, ask):
    accounts_actions.delete_user(user=stranger, by=admin)
    for model in (Consent, PersonGrant, RefreshToken, PersonalToken, AccessToken):
        assert not model.objects.exists()
    assert RevokedToken.objects.get().jti == signing.verify(tokens["access_token"])["jti"]
    assert refresh(ask, tokens["shop"], tokens["refresh_token"]).status_code == 400
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert Client().get("/o/userinfo/", headers=bearer).status_code == 401
    own = {"Authorization": f"Bearer {tokens['own']}"}
    assert Client().get("/api/v1/me/", headers=own).status_code == 401
    assert ask(tokens["shop"]).status_code == 200


def test_trail_keeps_the_deleted_persons_name(tokens, stranger, admin):
    before = events_of("Stan Stranger")
    public_id = stranger.public_id
    accounts_actions.delete_user(user=stranger, by=admin)
    assert events_of("Stan Stranger") == before
    assert "consent_given" in before
    assert not AuditEvent.objects.filter(by_name="Stan Stranger", by__isnull=False).exists()
    deleted = AuditEvent.objects.get(event="user_deleted")
    assert (deleted.by, deleted.target_id, deleted.target_name) == (admin, public_id, "Stan Stranger")
    left = AuditEvent.objects.get(event="member_removed")
    assert (left.team.slug, left.data) == ("strangers", {"member": public_id})
    withdrawn = AuditEvent.objects.get(event="consent_withdrawn")
    assert (withdrawn.by_name, withdrawn.note) == ("system", "The person was deleted.")


def test_deleted_persons_credentials_live_on(
    application, client_of, key_of, owner, consumer, admin, ask, client_as
):
    accounts_actions.delete_user(user=consumer, by=admin)
    assert ask(client_of).status_code == 200
    assert key_of.credential.usable
    row = Credential.objects.get(pk=client_of.credential.pk)
    assert (row.created_by, row.application.created_by) == (None, None)
    page = client_as(owner).get(row.get_absolute_url()).content.decode()
    assert "by Cora Consumer" in page


def test_personal_team_with_applications_stays_for_admins(admin, ask):
    nina = factories.UserFactory(name="Nina New")
    team = accounts_actions.welcome(user=nina)
    issued = factories.ClientFactory(application=factories.ApplicationFactory(team=team), by=nina)
    accounts_actions.delete_user(user=nina, by=nina)
    assert ask(issued).status_code == 200
    moved = transfer(issued.credential.application, admin)
    assert moved.team.slug == "takers"


def test_personal_team_without_applications_goes_too():
    nina = factories.UserFactory(name="Nina New")
    team = accounts_actions.welcome(user=nina)
    accounts_actions.delete_user(user=nina, by=nina)
    assert not Team.objects.filter(pk=team.pk).exists()
    assert events_of("Nina New") == ["user_signed_up", "user_deleted"]


def test_who_is_not_deleted(owner, admin, consumer):
    with pytest.raises(Conflict):  # the last owner of a team
        accounts_actions.delete_user(user=owner, by=admin)
    with pytest.raises(Conflict):  # the last administrator
        accounts_actions.delete_user(user=admin, by=admin)
    with pytest.raises(Forbidden):
        accounts_actions.delete_user(user=consumer, by=owner)
    assert User.objects.filter(pk__in=[owner.pk, admin.pk, consumer.pk]).count() == 3
    assert not AuditEvent.objects.filter(event__in=["user_deleted", "member_removed"]).exists()


def test_delete_by_page(consumer, stranger, admin, client_as):
    page = f"/people/{consumer.public_id}/delete/"
    assert client_as(stranger).get(page).status_code == 404
    assert client_as(stranger).post(page, {"email": consumer.email}).status_code == 404
    browser = client_as(consumer)
    assert page in browser.get("/account/").content.decode()
    assert browser.post(page, {"email": "wrong@example.com"}).status_code == 200
    assert browser.post(page, {"email": consumer.email.upper()}).status_code == 302
    assert browser.get("/account/").status_code == 302
    assert not User.objects.filter(pk=consumer.pk).exists()
    somebody = factories.person("Sam Somebody", team="consumers")
    page = f"/people/{somebody.public_id}/delete/"
    assert page in client_as(admin).get("/teams/consumers/").content.decode()
    assert client_as(admin).post(page, {"email": somebody.email}).status_code == 302


def test_delete_by_rest(consumer, stranger, admin, client_as):
    where = f"/api/v1/people/{consumer.public_id}/"
    assert client_as(stranger).delete(where).status_code == 404
    own = actions.issue_personal_token(by=consumer, name="CI", scopes=["portal:subscribe"], days=1)
    bearer = {"Authorization": f"Bearer {own.secret}"}
    assert Client().delete(where, headers=bearer).status_code == 403
    assert client_as(admin).delete(where).status_code == 204
    assert client_as(admin).delete(where).status_code == 404
