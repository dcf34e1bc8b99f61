"""Applications and subscriptions for scripts and pipelines: the same querysets and actions as the pages."""

from collections.abc import Callable
from typing import Any, TypeVar

import django_filters
from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apis.models import Api, Plan
from portal.accounts.models import Team
from portal.accounts.people import person
from portal.errors import Invalid
from portal.rest.idempotency import idempotent
from portal.rest.inputs import valid

from .. import actions
from ..models import Application, Subscription, SubscriptionStatus
from . import serializers

Row = TypeVar("Row", bound=Model)


class ApplicationFilter(django_filters.FilterSet):
    team = django_filters.CharFilter(field_name="team__slug", help_text="Slug of the owning team.")
    name = django_filters.CharFilter(lookup_expr="icontains", help_text="Part of the name.")

    class Meta:
        model = Application
        fields: tuple[str, ...] = ()


class SubscriptionFilter(django_filters.FilterSet):
    application = django_filters.CharFilter(field_name="application__public_id")
    api = django_filters.CharFilter(field_name="api__slug")
    plan = django_filters.CharFilter(field_name="plan__slug")
    status = django_filters.ChoiceFilter(choices=SubscriptionStatus.choices)
    reviewable = django_filters.BooleanFilter(
        method="only_reviewable", help_text="Only those you may decide."
    )

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = ()

    def only_reviewable(self, rows: QuerySet[Subscription], name: str, value: bool) -> QuerySet[Subscription]:
        mine = Subscription.objects.reviewable_by(self.request.user)
        return rows.filter(pk__in=mine.values("pk")) if value else rows


@extend_schema_view(
    list=extend_schema(summary="List your teams' applications"),
    retrieve=extend_schema(summary="Read an application"),
)
class Applications(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Application]):
    queryset = Application.objects.none()
    serializer_class = serializers.ApplicationSerializer
    filterset_class = ApplicationFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Application]:
        return Application.objects.visible_to(self.request.user).select_related("team")

    @extend_schema(
        summary="Register an application",
        request=serializers.NewApplicationInput,
        responses={201: serializers.ApplicationSerializer},
        examples=[
            OpenApiExample("Register", {"name": "Checkout web", "team": "storefront"}, request_only=True)
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        data = valid(serializers.NewApplicationInput, request)
        team = _named("team", Team.objects.visible_to(request.user), slug=data.pop("team"))
        return self._answer(
            actions.register_application(team=team, **data, by=person(request)), status.HTTP_201_CREATED
        )

    @extend_schema(
        summary="Change an application's name and description",
        request=serializers.ApplicationInput,
        responses=serializers.ApplicationSerializer,
    )
    def update(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(serializers.ApplicationInput, request)
        return self._answer(
            actions.update_application(application=self.get_object(), **data, by=person(request))
        )

    @extend_schema(
        summary="Delete an application: its subscriptions end, its credentials are refused",
        responses={204: None},
    )
    def destroy(self, request: Request, id: str) -> Response:  # noqa: A002
        actions.delete_application(application=self.get_object(), by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Give an application to another team",
        description="Its subscriptions and credentials go with it, and work on. For owners of the team that gives.",
        request=serializers.TransferInput,
        responses=serializers.ApplicationSerializer,
    )
    @action(detail=True, methods=["post"])
    def transfer(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(serializers.TransferInput, request)
        team = _named("team", Team.objects.visible_to(request.user), slug=data["team"])
        return self._answer(
            actions.transfer_application(application=self.get_object(), team=team, by=person(request))
        )

    def _answer(self, row: Application, code: int = 200) -> Response:
        return Response(self.get_serializer(row).data, status=code)


def _decision(summary: str, *, scope: str, body: type = serializers.ReasonInput) -> Callable[..., Any]:
    """A POST below one subscription that answers its new state."""

    def decorate(method: Callable[..., Response]) -> Any:
        described = extend_schema(
            summary=summary, request=body, responses=serializers.SubscriptionSerializer
        )(method)
        return action(
            detail=True, methods=["post"], scope_write=scope, url_path=method.__name__.replace("_", "-")
        )(described)

    return decorate


@extend_schema_view(
    list=extend_schema(summary="List subscriptions of your applications and to your APIs"),
    retrieve=extend_schema(summary="Read a subscription"),
)
class Subscriptions(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Subscription]):
    queryset = Subscription.objects.none()
    serializer_class = serializers.SubscriptionSerializer
    filterset_class = SubscriptionFilter
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    scope_write = "portal:subscribe"

    def get_queryset(self) -> QuerySet[Subscription]:
        rows = Subscription.objects.visible_to(self.request.user)
        return rows.select_related(
            "application__team", "api__team", "plan", "requested_plan", "form"
        ).prefetch_related("approvals__plan", "approvals__by")

    @extend_schema(
        summary="Subscribe an application to an API",
        description="201 where the plan approves by itself, 202 where somebody has to decide.",
        request=serializers.NewSubscriptionInput,
        responses={201: serializers.SubscriptionSerializer, 202: serializers.SubscriptionSerializer},
        examples=[
            OpenApiExample(
                "Subscribe",
                {
                    "application": "app_4k2m9x7q1c8v5b3n",
                    "api": "products",
                    "plan": "gold",
                    "reason": "Checkout launch",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        data = valid(serializers.NewSubscriptionInput, request)
        row = actions.subscribe(
            application=_named(
                "application", Application.objects.visible_to(request.user), public_id=data["application"]
            ),
            api=_named("api", Api.objects.visible_to(request.user), slug=data["api"]),
            plan=_named("plan", Plan.objects.live(), slug=data["plan"]),
            reason=data["reason"],
            answers=data["answers"],
            by=person(request),
        )
        pending = row.status == SubscriptionStatus.PENDING
        return self._answer(row, status.HTTP_202_ACCEPTED if pending else status.HTTP_201_CREATED)

    @_decision("Grant the request that waits", scope="portal:publish")
    def approve(self, request: Request, id: str) -> Response:  # noqa: A002
        return self._act(actions.approve, **valid(serializers.ReasonInput, request))

    @_decision("Refuse the request that waits", scope="portal:publish")
    def reject(self, request: Request, id: str) -> Response:  # noqa: A002
        return self._act(actions.reject, **valid(serializers.ReasonInput, request))

    @_decision("Refuse its calls until it is resumed", scope="portal:publish")
    def suspend(self, request: Request, id: str) -> Response:  # noqa: A002
        return self._act(actions.suspend, **valid(serializers.ReasonInput, request))

    @_decision("Let its calls through again", scope="portal:publish", body=None)  # type: ignore[arg-type]
    def resume(self, request: Request, id: str) -> Response:  # noqa: A002
        return self._act(actions.resume)

    @_decision("Move to another plan", scope="portal:subscribe", body=serializers.PlanInput)
    def change_plan(self, request: Request, id: str) -> Response:  # noqa: A002
        data = valid(serializers.PlanInput, request)
        plan = _named("plan", Plan.objects.live(), slug=data["plan"])
        return self._act(actions.change_plan, plan=plan, reason=data["reason"])

    @_decision("Take back a change of plan that waits", scope="portal:subscribe", body=None)  # type: ignore[arg-type]
    def withdraw_plan_change(self, request: Request, id: str) -> Response:  # noqa: A002
        return self._act(actions.withdraw_plan_change)

    @_decision("End the subscription", scope="portal:subscribe", body=None)  # type: ignore[arg-type]
    def cancel(self, request: Request, id: str) -> Response:  # noqa: A002
        return self._act(actions.cancel)

    def _act(self, do: Callable[..., Subscription], **arguments: Any) -> Response:
        return self._answer(do(subscription=self.get_object(), by=person(self.request), **arguments))

    def _answer(self, row: Subscription, code: int = 200) -> Response:
        return Response(self.get_serializer(row).data, status=code)


def _named(field: str, rows: QuerySet[Row], **lookup: str) -> Row:
    """The object that an input names. Raises Invalid for that input where there is none to be seen."""
    row = rows.filter(**lookup).first()
    if row is None:
        raise Invalid(f"There is no such {field}, or you may not see it.", field=field)
    return row
