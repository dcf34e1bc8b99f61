"""People and teams: the same cases by action, page and REST."""

import pytest

from portal.accounts import actions
from portal.accounts.models import AuditEvent, Membership, NamespaceGrant, PortalMail, Team, User
from portal.errors import Conflict, Forbidden, Invalid
from tests import factories

JSON = "application/json"


@pytest.fixture
def owner(db):
    return factories.person("Olga Owner", team="consumers", role="owner")


@pytest.fixture
def team(owner):
    return Team.objects.get(slug="consumers")


def test_sign_up_gives_a_personal_team(client, db):
    response = client.post(
        "/signup/", {"email": "nina@example.com", "name": "Nina New", "password1": "rather long words"}
    )
    assert response.status_code == 302, response.context["form"].errors
    user = User.objects.get(email="nina@example.com")
    assert user.memberships.get().role == "owner"
    assert user.memberships.get().team.personal
    assert AuditEvent.objects.get().event == "user_signed_up"


def test_sign_up_same_name_gets_another_slug(db):
    teams = {actions.welcome(user=factories.UserFactory(name="Nina New")).slug for _ in range(3)}
    assert teams == {"nina-new", "nina-new-2", "nina-new-3"}


def test_add_member(owner, team, stranger):
    assert actions.add_member(team=team, email="STAN@example.com", role="member", by=owner).user == stranger


def test_add_member_twice_is_a_conflict(owner, team, stranger):
    actions.add_member(team=team, email=stranger.email, role="member", by=owner)
    with pytest.raises(Conflict):
        actions.add_member(team=team, email=stranger.email, role="member", by=owner)


def test_add_member_unknown_is_invalid(owner, team):
    with pytest.raises(Invalid, match="signed up"):
        actions.add_member(team=team, email="nobody@example.com", role="member", by=owner)


def test_maintainer_may_not_add(consumer, team, stranger):
    with pytest.raises(Forbidden):
        actions.add_member(team=team, email=stranger.email, role="member", by=consumer)


def test_last_owner_stays(owner, team):
    membership = Membership.objects.get(user=owner)
    with pytest.raises(Conflict, match="owner"):
        actions.change_role(membership=membership, role="member", by=owner)
    with pytest.raises(Conflict, match="owner"):
        actions.remove_member(membership=membership, by=owner)


def test_anybody_may_leave(owner, consumer, team):
    actions.remove_member(membership=Membership.objects.get(user=consumer), by=consumer)
    assert team.memberships.count() == 1


def test_pages_answer(client_as, owner, team, admin):
    client = client_as(owner)
    for path in ("/account/", "/teams/", "/teams/?q=nothing", f"/teams/{team.slug}/", "/mail/"):
        assert client.get(path).status_code == 200, path
    assert client_as(admin).get("/grants/").status_code == 200


def test_team_of_others_is_404(client_as, stranger, team):
    assert client_as(stranger).get(f"/teams/{team.slug}/").status_code == 404
    assert client_as(stranger).get(f"/api/v1/teams/{team.slug}/").status_code == 404


def test_teams_page_has_constant_queries(client_as, admin, django_assert_max_num_queries):
    for _ in range(15):
        factories.TeamFactory()
    client = client_as(admin)
    with django_assert_max_num_queries(8):
        assert client.get("/teams/").status_code == 200


def test_create_team_by_page_and_rest(client_as, consumer):
    assert client_as(consumer).post("/teams/", {"name": "By page"}).status_code == 302
    assert client_as(consumer).post("/api/v1/teams/", {"name": "By REST"}, JSON).status_code == 201
    assert set(consumer.teams.values_list("name", flat=True)) >= {"By page", "By REST"}


def test_members_by_rest(client_as, owner, team, stranger):
    client, base = client_as(owner), f"/api/v1/teams/{team.slug}/members/"
    assert client.post(base, {"email": stranger.email}, JSON).status_code == 201
    assert (
        client.put(f"{base}{stranger.public_id}/", {"role": "maintainer"}, JSON).json()["role"]
        == "maintainer"
    )
    assert [row["role"] for row in client.get(base).json()] == ["owner", "maintainer"]
    assert client.delete(f"{base}{stranger.public_id}/").status_code == 204


def test_bad_role_is_invalid(client_as, owner, team):
    response = client_as(owner).put(
        f"/api/v1/teams/{team.slug}/members/{owner.public_id}/", {"role": "king"}, JSON
    )
    assert response.status_code == 400


def test_grants_are_for_admins(client_as, admin, owner, team):
    body = {"cluster": "demo", "namespace": "shop", "team": team.slug, "auto_publish": True}
    assert client_as(owner).post("/api/v1/namespace-grants/", body, JSON).status_code == 403
    assert client_as(owner).get("/grants/").status_code == 403
    assert client_as(admin).post("/api/v1/namespace-grants/", body, JSON).status_code == 201
    assert NamespaceGrant.objects.get().auto_publish
    assert client_as(admin).delete("/api/v1/namespace-grants/demo/shop/").status_code == 204
    assert not NamespaceGrant.objects.exists()


def test_audit_trail_shows_own_teams_only(client_as, owner, stranger, admin):
    actions.create_team(name="Mine", by=owner)
    assert len(client_as(owner).get("/api/v1/audit-events/").json()["results"]) == 1
    assert client_as(stranger).get("/api/v1/audit-events/").json()["results"] == []
    assert len(client_as(admin).get("/api/v1/audit-events/").json()["results"]) == 1


def test_demo_mail_is_read_by_its_receiver_and_admins(client_as, owner, stranger, admin):
    PortalMail.objects.create(to=owner.email, subject="For Olga", text="https://example.com")
    assert b"For Olga" in client_as(owner).get("/mail/").content
    assert b"For Olga" not in client_as(stranger).get("/mail/").content
    assert b"For Olga" in client_as(admin).get("/mail/").content


def test_mail_page_is_demo_only(client_as, admin, settings):
    settings.DEMO = False
    assert client_as(admin).get("/mail/").status_code == 404


def test_demo_seed_twice_changes_nothing(db, tmp_path):
    from portal.accounts import demo

    passwords = tmp_path / "passwords.json"
    demo.seed(passwords)
    before = passwords.read_text(), User.objects.count(), AuditEvent.objects.count()
    demo.seed(passwords)
    assert (passwords.read_text(), User.objects.count(), AuditEvent.objects.count()) == before
    assert passwords.stat().st_mode & 0o077 == 0
    person = demo.people(passwords)[0]
    assert User.objects.get(email=person["email"]).check_password(person["password"])


def test_grant_is_taken_back_from_the_page(client_as, admin, owner, team):
    NamespaceGrant.objects.create(cluster="demo", namespace="shop", team=team)
    page = client_as(admin).get("/grants/").content.decode()
    assert 'id="revoke-1"' in page
    assert 'value="demo/shop"' in page
    assert client_as(owner).post("/grants/revoke/", {"grant": "demo/shop"}).status_code == 403
    assert client_as(admin).post("/grants/revoke/", {"grant": "demo/other"}).status_code == 404
    assert client_as(admin).post("/grants/revoke/", {"grant": "demo/shop"}).status_code == 302
    assert not NamespaceGrant.objects.exists()
