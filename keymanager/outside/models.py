"""Issuers of other people whose tokens the gateway takes."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apis.models import Environment
from portal.accounts.models import User, Viewer
from portal.ids import new_id


def _issuer_id() -> str:
    return new_id("iss")


class TrustedIssuerQuerySet(models.QuerySet["TrustedIssuer"]):
    def live(self) -> Self:
        """Not deleted."""
        return self.filter(deleted_at__isnull=True)

    def in_force(self) -> Self:
        """Those whose tokens the gateway takes."""
        return self.live().filter(disabled_at__isnull=True)

    def visible_to(self, user: Viewer) -> Self:
        """Everybody who is signed in may see which issuers are trusted; an admin sees the disabled ones too."""
        if not user.is_authenticated:
            return self.none()
        return self.live() if user.is_admin else self.in_force()


class KeySource(models.TextChoices):
    DISCOVERY = "discovery", _("Fetched by discovery")
    GIVEN = "given", _("Given by an administrator")


class TrustedIssuer(models.Model):
    """An authorization server of somebody else, trusted for its audiences in its environments.

    Its row stays when it is deleted: credentials that it issued name it in the trail.
    """

    public_id = models.CharField(max_length=24, unique=True, default=_issuer_id, editable=False)
    name = models.CharField(max_length=120)
    # The `iss` claim, to the letter.
    url = models.CharField(max_length=500)
    audiences = ArrayField(models.CharField(max_length=500))
    client_claim = models.CharField(max_length=120)
    environments = ArrayField(models.CharField(max_length=10, choices=Environment))
    key_source = models.CharField(max_length=9, choices=KeySource)
    # Public JWKs as `keys.usable` keeps them; what the gateway has.
    keys = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # When the keys were last fetched or given, and why the last try to fetch them failed.
    fetched_at = models.DateTimeField(default=timezone.now)
    problem = models.TextField(blank=True)
    problem_since = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    objects = TrustedIssuerQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["url"], condition=Q(deleted_at__isnull=True), name="trusted_issuer_url_once"
            ),
            models.UniqueConstraint(
                fields=["name"], condition=Q(deleted_at__isnull=True), name="trusted_issuer_name_once"
            ),
            models.CheckConstraint(
                condition=Q(audiences__len__gt=0, environments__len__gt=0),
                name="trusted_issuer_is_for_something",
            ),
            models.CheckConstraint(
                condition=Q(problem="", problem_since__isnull=True)
                | (~Q(problem="") & Q(problem_since__isnull=False)),
                name="trusted_issuer_problem_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("keymanager:issuer", args=[self.public_id])

    @property
    def in_force(self) -> bool:
        return self.disabled_at is None and self.deleted_at is None

    @property
    def fetches(self) -> bool:
        """Whether its keys come by discovery."""
        return self.key_source == KeySource.DISCOVERY

    @property
    def environment_names(self) -> str:
        """`Production, Sandbox`."""
        return ", ".join(str(Environment(name).label) for name in self.environments)

    def serves(self, environment: str) -> bool:
        """Whether the gateway takes its tokens there."""
        return self.in_force and environment in self.environments
