"""What consumers ask for: applications, their subscriptions, and the decisions on them."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apis.models import Api, Plan
from portal.accounts.models import Team, User
from portal.addresses import address
from portal.ids import new_id
from portal.transitions import HasStatus

from .querysets import ApplicationQuerySet, RequestFormQuerySet, SubscriptionQuerySet
from .request_forms.questions import Question, read


def _application_id() -> str:
    return new_id("app")


def _subscription_id() -> str:
    return new_id("sub")


class Application(models.Model):
    """A consumer's registered app. It belongs to a team, so it outlives the person who made it."""

    public_id = models.CharField(max_length=24, unique=True, default=_application_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="applications")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, max_length=2000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # A deleted application keeps its row, so that the trail and old receipts can name it.
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["team", "name"],
                condition=Q(deleted_at__isnull=True),
                name="application_name_once_per_team",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return address("subscriptions:application", self.public_id)


class RequestForm(models.Model):
    """What the publishers of an API ask of whoever wants access. A change is a new row: answers keep the form they answer."""

    api = models.ForeignKey(Api, on_delete=models.CASCADE, related_name="request_forms")
    number = models.PositiveIntegerField()
    # JSON as text: its questions keep their order. Empty: nothing is asked any more.
    schema = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = RequestFormQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["api", "number"], name="request_form_numbered_once"),
        ]

    def __str__(self) -> str:
        return f"Request form {self.number} of {self.api.name}"

    @property
    def questions(self) -> tuple[Question, ...]:
        return read(self.schema) if self.schema else ()


class SubscriptionStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    CHANGE_PENDING = "change_pending", _("Plan change pending")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


class Subscription(HasStatus):
    """An application's access to an API under a plan, in both environments."""

    Status = SubscriptionStatus
    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        SubscriptionStatus.PENDING: frozenset(
            {SubscriptionStatus.ACTIVE, SubscriptionStatus.REJECTED, SubscriptionStatus.CANCELLED}
        ),
        SubscriptionStatus.ACTIVE: frozenset(
            {
                SubscriptionStatus.SUSPENDED,
                SubscriptionStatus.CHANGE_PENDING,
                SubscriptionStatus.CANCELLED,
                SubscriptionStatus.EXPIRED,
            }
        ),
        SubscriptionStatus.SUSPENDED: frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELLED}),
        SubscriptionStatus.CHANGE_PENDING: frozenset(
            {SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELLED}
        ),
        SubscriptionStatus.REJECTED: frozenset(),
        SubscriptionStatus.CANCELLED: frozenset(),
        SubscriptionStatus.EXPIRED: frozenset(),
    }
    # One live subscription per application and API.
    LIVE: ClassVar[frozenset[str]] = frozenset(
        {
            SubscriptionStatus.PENDING,
            SubscriptionStatus.ACTIVE,
            SubscriptionStatus.SUSPENDED,
            SubscriptionStatus.CHANGE_PENDING,
        }
    )
    # The gateway lets calls through; while a change waits, the old plan goes on.
    ENFORCED: ClassVar[frozenset[str]] = frozenset(
        {SubscriptionStatus.ACTIVE, SubscriptionStatus.CHANGE_PENDING}
    )

    public_id = models.CharField(max_length=24, unique=True, default=_subscription_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="subscriptions")
    api = models.ForeignKey(Api, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    # The plan asked for while the status is change_pending.
    requested_plan = models.ForeignKey(Plan, null=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=14, choices=SubscriptionStatus, default=SubscriptionStatus.PENDING)
    reason = models.TextField(blank=True, max_length=2000, help_text="Why the consumer wants it.")
    form = models.ForeignKey(
        RequestForm, null=True, editable=False, on_delete=models.PROTECT, related_name="subscriptions"
    )
    # name of the question -> answer; only those that were given.
    answers = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # Since when the present request waits: for the queue's order.
    requested_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["application", "api"],
                condition=Q(status__in=["pending", "active", "suspended", "change_pending"]),
                name="subscription_one_live_per_api",
            ),
            models.CheckConstraint(
                condition=Q(status="change_pending", requested_plan__isnull=False)
                | (~Q(status="change_pending") & Q(requested_plan__isnull=True)),
                name="subscription_change_names_plan",
            ),
            models.CheckConstraint(
                condition=Q(status__in=SubscriptionStatus.values), name="subscription_status_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "requested_at"], name="subscription_queue"),
        ]

    def __str__(self) -> str:
        return f"{self.application.name} → {self.api.name}"

    def get_absolute_url(self) -> str:
        return address("subscriptions:subscription", self.public_id)

    @property
    def answered(self) -> list[tuple[str, str]]:
        """The questions of the form that was filled in and the answers, as people read them."""
        if self.form is None:
            return []
        given = self.answers
        return [(one.label, one.shown(given[one.name])) for one in self.form.questions if one.name in given]


class Approval(models.Model):
    """One decision on a request: who, when, outcome, reason. `by` is empty where the plan approves by itself."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="approvals")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=8, choices=Outcome)
    reason = models.TextField(blank=True, max_length=2000)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.outcome} {self.subscription}"
