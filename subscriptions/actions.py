"""Every write about applications and subscriptions. HTML, REST and CLI call these."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from apis.models import Api, ApiVersion, Plan, PlanApproval, Publication
from portal.accounts.audit import record
from portal.accounts.models import Team, User
from portal.accounts.roles import Permission, check
from portal.errors import Conflict, Invalid, NotFound

from . import tasks
from .models import Application, Approval, RequestForm, Subscription, SubscriptionStatus
from .request_forms import questions
from .signals import subscription_changed

Status = SubscriptionStatus


# ---- applications -------------------------------------------------------------------------------------------------
@transaction.atomic
def register_application(*, team: Team, name: str, by: User, description: str = "") -> Application:
    """Raises Conflict where the team has an application of that name."""
    check(by, Permission.EDIT_APPLICATION, team)
    application = Application(team=team, name=_name(name), description=description.strip(), created_by=by)
    _save_application(application)
    record("application_registered", application, by=by, team=team)
    return application


@transaction.atomic
def update_application(*, application: Application, name: str, description: str, by: User) -> Application:
    application = _locked_application(application)
    check(by, Permission.EDIT_APPLICATION, application.team)
    application.name, application.description = _name(name), description.strip()
    _save_application(application)
    record("application_updated", application, by=by, team=application.team)
    return application


@transaction.atomic
def transfer_application(*, application: Application, team: Team, by: User) -> Application:
    """Give it to another team, with its subscriptions and credentials: nothing that calls through it notices.

    Asks for an owner of the team that gives who may register applications in the team that takes. The trail stays with
    the application; what was done before it changed hands stays with the team that gave it as well.

    Raises Conflict where it is that team's already, or the team has an application of that name.
    """
    application = _locked_application(application)
    giver = application.team
    check(by, Permission.DELETE_APPLICATION, giver)
    check(by, Permission.EDIT_APPLICATION, team)
    if team == giver:
        raise Conflict(
            gettext("{application} is {team}'s already.").format(application=application, team=team),
            remedy=gettext("Choose another team."),
        )
    application.team = team
    _save_application(application)
    hands = {"from_team": giver.slug, "to_team": team.slug}
    record("application_given_away", application, by=by, team=giver, **hands)
    record("application_received", application, by=by, team=team, **hands)
    return application


@transaction.atomic
def delete_application(*, application: Application, by: User) -> None:
    """Cancel its subscriptions, and with the application its credentials end; the row stays for the trail."""
    application = _locked_application(application)
    check(by, Permission.DELETE_APPLICATION, application.team)
    for subscription in application.subscriptions.live().select_related("api"):
        _cancel(subscription, by=by)
    application.deleted_at = timezone.now()
    application.save(update_fields=["deleted_at"])
    record("application_deleted", application, by=by, team=application.team)


# ---- the consumer's side of a subscription ------------------------------------------------------------------------
@transaction.atomic
def subscribe(
    *,
    application: Application,
    api: Api,
    plan: Plan,
    by: User,
    reason: str = "",
    answers: Mapping[str, Any] | None = None,
) -> Subscription:
    """Ask for access; a plan with automatic approval gives it at once. `answers` are to the API's request form.

    Raises:
        Conflict: the API takes no new subscriptions, or the application has a live one.
        Invalid: the API does not offer the plan, or an answer is none.
    """
    application = _locked_application(application)
    check(by, Permission.SUBSCRIBE, application.team)
    _check_open(api)
    _check_offered(api, plan)
    form = RequestForm.objects.current_of(api)
    subscription = Subscription(
        application=application,
        api=api,
        plan=plan,
        reason=reason.strip(),
        form=form,
        answers=questions.kept(form.questions if form else (), answers or {}),
        created_by=by,
    )
    automatic = plan.approval == PlanApproval.AUTOMATIC
    if automatic:
        subscription.move_to(Status.ACTIVE)
    try:
        with transaction.atomic():
            subscription.save()
    except IntegrityError:
        raise Conflict(
            gettext("{application} has a subscription to {api} already.").format(
                application=application, api=api
            ),
            remedy=gettext("Change its plan, or cancel it first."),
        ) from None
    record(
        "subscription_requested",
        subscription,
        by=by,
        team=application.team,
        plan=plan.slug,
        note=subscription.reason,
        **({"form": form.number} if form else {}),
    )
    if automatic:
        _decide(subscription, plan, Approval.Outcome.APPROVED, by=None)
    else:
        tasks.tell_reviewers.delay_on_commit(subscription.public_id)
    _notify(subscription, "approved" if automatic else "requested", by)
    return subscription


@transaction.atomic
def subscribe_new(*, team: Team, name: str, by: User, **request: Any) -> Subscription:
    """Register an application and ask for its access, both or neither; `request` is what `subscribe` takes."""
    application = register_application(team=team, name=name, by=by)
    return subscribe(application=application, by=by, **request)


@transaction.atomic
def change_plan(*, subscription: Subscription, plan: Plan, by: User, reason: str = "") -> Subscription:
    """Move to another plan: at once where it approves by itself, else the old plan goes on until somebody decides."""
    subscription = _locked(subscription)
    check(by, Permission.SUBSCRIBE, subscription.application.team)
    _check_offered(subscription.api, plan)
    if plan == subscription.plan:
        raise Conflict(
            gettext("This subscription is on {plan} already.").format(plan=plan),
            remedy=gettext("Choose another plan."),
        )
    subscription.move_to(Status.CHANGE_PENDING)
    subscription.requested_plan, subscription.requested_at = plan, timezone.now()
    subscription.reason = reason.strip()
    if plan.approval == PlanApproval.AUTOMATIC:
        return _take_requested_plan(subscription, by=by, decided_by=None)
    subscription.save(update_fields=["status", "requested_plan", "requested_at", "reason"])
    record(
        "plan_change_requested",
        subscription,
        by=by,
        team=subscription.application.team,
        plan=plan.slug,
        note=subscription.reason,
    )
    _notify(subscription, "plan_change_requested", by)
    tasks.tell_reviewers.delay_on_commit(subscription.public_id)
    return subscription


@transaction.atomic
def withdraw_plan_change(*, subscription: Subscription, by: User) -> Subscription:
    subscription = _locked(subscription)
    check(by, Permission.SUBSCRIBE, subscription.application.team)
    _check_waits(subscription, Status.CHANGE_PENDING)
    plan = _back_to_old_plan(subscription)
    record("plan_change_withdrawn", subscription, by=by, team=subscription.application.team, plan=plan.slug)
    return subscription


@transaction.atomic
def cancel(*, subscription: Subscription, by: User) -> Subscription:
    subscription = _locked(subscription)
    check(by, Permission.SUBSCRIBE, subscription.application.team)
    return _cancel(subscription, by=by)


# ---- the publisher's side -----------------------------------------------------------------------------------------
@transaction.atomic
def approve(*, subscription: Subscription, by: User, reason: str = "") -> Subscription:
    """Grant what is asked: a new subscription, or the change of plan. Raises Conflict where nothing waits."""
    subscription = _locked(subscription)
    check(by, Permission.REVIEW, subscription.api.team)
    _check_waits(subscription, Status.PENDING, Status.CHANGE_PENDING)
    if subscription.status == Status.CHANGE_PENDING:
        return _take_requested_plan(subscription, by=by, decided_by=by, reason=reason)
    subscription.move_to(Status.ACTIVE)
    subscription.save(update_fields=["status"])
    _decide(subscription, subscription.plan, Approval.Outcome.APPROVED, by=by, reason=reason)
    _notify(subscription, "approved", by)
    tasks.tell_consumers.delay_on_commit(subscription.public_id)
    return subscription


@transaction.atomic
def reject(*, subscription: Subscription, by: User, reason: str) -> Subscription:
    """Refuse what is asked. A refused change of plan restores the active subscription on its old plan."""
    subscription = _locked(subscription)
    check(by, Permission.REVIEW, subscription.api.team)
    reason = _reason(reason, "reject")
    _check_waits(subscription, Status.PENDING, Status.CHANGE_PENDING)
    if subscription.status == Status.CHANGE_PENDING:
        plan = _back_to_old_plan(subscription)
    else:
        plan = subscription.plan
        subscription.move_to(Status.REJECTED)
        subscription.save(update_fields=["status"])
    _decide(subscription, plan, Approval.Outcome.REJECTED, by=by, reason=reason)
    tasks.tell_consumers.delay_on_commit(subscription.public_id)
    return subscription


@transaction.atomic
def suspend(*, subscription: Subscription, by: User, reason: str) -> Subscription:
    """Refuse its calls until it is resumed."""
    subscription = _locked(subscription)
    check(by, Permission.SUSPEND, subscription.api.team)
    return _switch(subscription, Status.SUSPENDED, "suspended", by=by, reason=_reason(reason, "suspend"))


@transaction.atomic
def resume(*, subscription: Subscription, by: User) -> Subscription:
    subscription = _locked(subscription)
    check(by, Permission.SUSPEND, subscription.api.team)
    # pending may become active too, but only by an approval.
    _check_waits(subscription, Status.SUSPENDED, word="suspended")
    return _switch(subscription, Status.ACTIVE, "resumed", by=by, reason="")


@transaction.atomic
def expire(*, subscription: Subscription) -> Subscription:
    """Portico's own sweep, once `expires_at` has passed."""
    subscription = _locked(subscription)
    return _switch(subscription, Status.EXPIRED, "expired", by=None, reason="")


# ---- parts --------------------------------------------------------------------------------------------------------
def _name(name: str) -> str:
    name = name.strip()
    if not name:
        raise Invalid(gettext("An application needs a name."), field="name")
    return name


def _reason(reason: str, verb: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid(
            gettext("Say why you {verb} it: the consumer reads this.").format(verb=verb), field="reason"
        )
    return reason


def _save_application(application: Application) -> None:
    try:
        with transaction.atomic():
            application.save()
    except IntegrityError:
        raise Conflict(
            gettext("{team} has an application named {name} already.").format(
                team=application.team, name=application.name
            ),
            remedy=gettext("Choose another name."),
        ) from None


def _locked_application(application: Application) -> Application:
    found = (
        Application.objects.live()
        .select_for_update(of=("self",))
        .select_related("team")
        .filter(pk=application.pk)
        .first()
    )
    if found is None:
        raise NotFound(gettext("This application was deleted."))
    return found


def _locked(subscription: Subscription) -> Subscription:
    return (
        Subscription.objects.select_for_update(of=("self",))
        .select_related("application__team", "api__team", "plan", "requested_plan")
        .get(pk=subscription.pk)
    )


def _check_open(api: Api) -> None:
    statuses = set(api.versions.filter(withdrawn_at__isnull=True).values_list("status", flat=True))
    if Publication.PUBLISHED in statuses:
        return
    if Publication.DEPRECATED in statuses:
        raise Conflict(
            gettext("{api} is deprecated and takes no new subscriptions.").format(api=api),
            remedy=gettext("Look for its successor on its page."),
        )
    raise Conflict(
        gettext("{api} is not published.").format(api=api), remedy=gettext("Choose an API from the catalog.")
    )


def _check_offered(api: Api, plan: Plan) -> None:
    served = ApiVersion.objects.served().filter(api=api)
    if not Plan.objects.live().filter(pk=plan.pk, versions__in=served).exists():
        raise Invalid(
            gettext("{api} does not offer the plan {plan}.").format(api=api, plan=plan),
            remedy=gettext("Choose one of the plans on its page."),
            field="plan",
        )


def _check_waits(subscription: Subscription, *statuses: str, word: str = "waiting for this decision") -> None:
    if subscription.status not in statuses:
        raise Conflict(
            gettext("This subscription is {status}, not {word}.").format(
                status=subscription.get_status_display().lower(), word=word
            ),
            remedy=gettext("Reload the page: somebody was quicker."),
        )


def _decide(
    subscription: Subscription, plan: Plan, outcome: str, *, by: User | None, reason: str = ""
) -> None:
    Approval.objects.create(
        subscription=subscription, plan=plan, outcome=outcome, by=by, reason=reason.strip()
    )
    record(
        f"subscription_{outcome}",
        subscription,
        by=by,
        team=subscription.api.team,
        note=reason.strip(),
        plan=plan.slug,
    )


def _take_requested_plan(
    subscription: Subscription, *, by: User, decided_by: User | None, reason: str = ""
) -> Subscription:
    plan = subscription.requested_plan
    if plan is None:
        raise Conflict(gettext("No change of plan waits here."), remedy=gettext("Reload the page."))
    subscription.move_to(Status.ACTIVE)
    subscription.plan, subscription.requested_plan = plan, None
    subscription.save(update_fields=["status", "plan", "requested_plan", "requested_at", "reason"])
    _decide(subscription, plan, Approval.Outcome.APPROVED, by=decided_by, reason=reason)
    _notify(subscription, "plan_changed", by)
    if decided_by:
        tasks.tell_consumers.delay_on_commit(subscription.public_id)
    return subscription


def _back_to_old_plan(subscription: Subscription) -> Plan:
    """Restore the state that the request came from; answers the plan that was asked for."""
    plan = subscription.requested_plan
    if plan is None:
        raise Conflict(gettext("No change of plan waits here."), remedy=gettext("Reload the page."))
    subscription.move_to(Status.ACTIVE)
    subscription.requested_plan = None
    subscription.save(update_fields=["status", "requested_plan"])
    return plan


def _cancel(subscription: Subscription, *, by: User) -> Subscription:
    subscription.requested_plan = None
    return _switch(subscription, Status.CANCELLED, "cancelled", by=by, reason="")


def _switch(
    subscription: Subscription, status: str, event: str, *, by: User | None, reason: str
) -> Subscription:
    subscription.move_to(status)
    subscription.save(update_fields=["status", "requested_plan"])
    record(f"subscription_{event}", subscription, by=by, team=subscription.api.team, note=reason)
    _notify(subscription, event, by)
    if by is None or event in {"suspended", "resumed"}:
        tasks.tell_consumers.delay_on_commit(subscription.public_id)
    return subscription


def _notify(subscription: Subscription, event: str, by: User | None) -> None:
    subscription_changed.send(sender=Subscription, instance=subscription, event=event, by=by)
