"""People and teams, what they may publish, and the trail of what they did."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, AnonymousUser, UserManager as DjangoUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.ids import new_id

from .querysets import AuditEventQuerySet, TeamQuerySet


def _user_id() -> str:
    return new_id("usr")


class UserManager(DjangoUserManager["User"]):
    """People sign in by e-mail; there is no username."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":  # type: ignore[override]
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":  # type: ignore[override]
        return self.create_user(email, password, is_admin=True, **fields)


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    public_id = models.CharField(max_length=24, unique=True, default=_user_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    # Team -> role, read once per person object by roles.py.
    roles_by_team: dict[int, str] | None = None
    # Those of these teams that publish from a namespace.
    granted_teams: frozenset[int] = frozenset()
    is_admin = models.BooleanField(default=False, help_text="Runs this portal: may see and do everything.")

    # When this visit was noted last, and when the one before it ended; see visits.py.
    visited_at = models.DateTimeField(null=True, editable=False)
    last_visit_at = models.DateTimeField(null=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]


# Whoever looks: a person, or somebody who has not signed in.
Viewer = User | AnonymousUser


class Team(models.Model):
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    personal = models.BooleanField(default=False, help_text="Made at sign-up, for one person.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "slug"]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return self.slug


class TeamRole(models.TextChoices):
    OWNER = "owner", _("Owner")
    MAINTAINER = "maintainer", _("Maintainer")
    MEMBER = "member", _("Member")


class Membership(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=TeamRole, default=TeamRole.MEMBER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once_per_team"),
            models.CheckConstraint(
                condition=models.Q(role__in=TeamRole.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} as {self.role}"


class NamespaceGrant(models.Model):
    """Objects of this cluster's namespace are this team's to publish."""

    cluster = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="namespace_grants")
    auto_publish = models.BooleanField(
        default=False, help_text="Discovered versions that ask for it are published at once."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["cluster", "namespace"], name="grant_once_per_namespace"),
        ]

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace} to {self.team}"


class AuditEvent(models.Model):
    """What was done, to what, by whom. Written in the transaction of the change; never changed or deleted."""

    at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    event = models.CharField(max_length=64)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # Stays readable when the person is gone; "system" for what Portico did by itself.
    by_name = models.CharField(max_length=254)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="+")
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=140)
    target_name = models.CharField(max_length=254)
    note = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["target_type", "target_id", "-at"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.by_name} {self.event} {self.target_name}"


class FailedTries(models.Model):
    """How often somebody failed to prove who they are in a window of time; `limits.py` counts."""

    key = models.CharField(max_length=160, primary_key=True)
    tries = models.IntegerField()
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class PortalMail(models.Model):
    """A mail of demo mode: kept here for reading in the portal, in place of being sent."""

    sent_at = models.DateTimeField(default=timezone.now, editable=False)
    to = models.CharField(max_length=500)
    subject = models.CharField(max_length=500)
    text = models.TextField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-sent_at", "-id"]

    def __str__(self) -> str:
        return self.subject
