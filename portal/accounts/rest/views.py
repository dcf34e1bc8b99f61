"""Oneself, teams, namespace grants and the audit trail, for scripts."""

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from portal.rest.idempotency import idempotent
from portal.rest.inputs import valid

from .. import actions
from ..models import AuditEvent, Membership, NamespaceGrant, Team
from ..people import people_deletable_by, person
from ..roles import Permission, check
from . import serializers


class Me(APIView):
    @extend_schema(summary="Read who you are", responses=serializers.MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(serializers.MeSerializer(person(request)).data)


class Person(APIView):
    scope_write = "portal:admin"

    @extend_schema(
        summary="Delete a person's account",
        description="One's own, or anybody's for an administrator. What they made stays with their teams.",
        responses={204: None},
    )
    def delete(self, request: Request, user: str) -> Response:
        by = person(request)
        row = people_deletable_by(by).filter(public_id=user).first()
        if row is None:
            raise Http404
        actions.delete_user(user=row, by=by)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    list=extend_schema(summary="List your teams"),
    retrieve=extend_schema(summary="Read a team"),
)
class Teams(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Team]):
    queryset = Team.objects.none()
    serializer_class = serializers.TeamSerializer
    lookup_field = "slug"

    def get_queryset(self) -> QuerySet[Team]:
        return Team.objects.visible_to(self.request.user)

    @extend_schema(
        summary="Create a team", request=serializers.TeamInput, responses={201: serializers.TeamSerializer}
    )
    @idempotent
    def create(self, request: Request) -> Response:
        team = actions.create_team(**valid(serializers.TeamInput, request), by=person(request))
        return Response(self.get_serializer(team).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="List a team's people", responses=serializers.MembershipSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def members(self, request: Request, slug: str) -> Response:
        rows = self.get_object().memberships.select_related("user").order_by("user__name")
        return Response(serializers.MembershipSerializer(rows, many=True).data)

    @extend_schema(
        summary="Add a person",
        request=serializers.MemberInput,
        responses={201: serializers.MembershipSerializer},
    )
    @members.mapping.post
    def add_member(self, request: Request, slug: str) -> Response:
        row = actions.add_member(
            team=self.get_object(), **valid(serializers.MemberInput, request), by=person(request)
        )
        return Response(serializers.MembershipSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a person's role",
        request=serializers.RoleInput,
        responses=serializers.MembershipSerializer,
    )
    @action(detail=True, methods=["put"], url_path=r"members/(?P<user>usr_\w+)")
    def member(self, request: Request, slug: str, user: str) -> Response:
        row = actions.change_role(
            membership=self._member(user), **valid(serializers.RoleInput, request), by=person(request)
        )
        return Response(serializers.MembershipSerializer(row).data)

    @extend_schema(summary="Remove a person", responses={204: None})
    @member.mapping.delete
    def remove_member(self, request: Request, slug: str, user: str) -> Response:
        actions.remove_member(membership=self._member(user), by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _member(self, user: str) -> Membership:
        row = (
            self.get_object().memberships.select_related("team", "user").filter(user__public_id=user).first()
        )
        if row is None:
            raise Http404
        return row


@extend_schema_view(list=extend_schema(summary="List namespace grants (admins)"))
class Grants(mixins.ListModelMixin, GenericViewSet[NamespaceGrant]):
    queryset = NamespaceGrant.objects.select_related("team")
    serializer_class = serializers.GrantSerializer
    scope_read = scope_write = "portal:admin"

    def get_queryset(self) -> QuerySet[NamespaceGrant]:
        check(self.request.user, Permission.MANAGE_PORTAL)
        return super().get_queryset()

    @extend_schema(
        summary="Say which team publishes from a namespace", responses={201: serializers.GrantSerializer}
    )
    def create(self, request: Request) -> Response:
        grant = actions.grant_namespace(**valid(serializers.GrantSerializer, request), by=person(request))
        return Response(self.get_serializer(grant).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Take the grant of a namespace back", responses={204: None})
    @action(detail=False, methods=["delete"], url_path=r"(?P<cluster>[\w.-]+)/(?P<namespace>[\w.-]+)")
    def revoke(self, request: Request, cluster: str, namespace: str) -> Response:
        grant = self.get_queryset().filter(cluster=cluster, namespace=namespace).first()
        if grant is None:
            raise Http404
        actions.revoke_namespace(grant=grant, by=person(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditFilter(django_filters.FilterSet):
    event = django_filters.CharFilter()
    target = django_filters.CharFilter(
        field_name="target_id", help_text="Public id or slug of what it is about."
    )
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")

    class Meta:
        model = AuditEvent
        fields: tuple[str, ...] = ()


@extend_schema_view(list=extend_schema(summary="List the audit trail of your teams, newest first"))
class Audit(mixins.ListModelMixin, GenericViewSet[AuditEvent]):
    queryset = AuditEvent.objects.none()
    serializer_class = serializers.AuditEventSerializer
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditEvent]:
        return AuditEvent.objects.visible_to(self.request.user)
