"""Projects: /api/v1/projects. Other ways to them there are none; sessions are put into one by their `project_id`."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.models import Scope
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE
from chatjuicer.api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from chatjuicer.api.idempotency import idempotent
from chatjuicer.api.not_found import NotFoundView
from chatjuicer.api.parameters import LIMIT, OFFSET, offset_and_limit
from sessions_app.models import Project
from sessions_app.viewsets import caller

from .sessions import TAG
from .shapes import (
    NewProjectSerializer,
    ProjectChangesSerializer,
    ProjectDeletedSerializer,
    ProjectListSerializer,
    ProjectSerializer,
    page,
)

PROJECT = OpenApiParameter("project_id", UUID, OpenApiParameter.PATH)


@extend_schema(tags=[TAG])
class ProjectViewSet(NotFoundView, ViewSet):
    read_scope: ClassVar[Scope] = Scope.READ
    scope: ClassVar[Scope] = Scope.CHAT
    not_found = (Project.DoesNotExist,)
    lookup_url_kwarg = "project_id"
    lookup_value_converter = "uuid"

    @extend_schema(operation_id="list_projects", parameters=[OFFSET, LIMIT], responses=ProjectListSerializer)
    def list(self, request: Request) -> Response:
        """The project changed last comes first."""
        offset, limit = offset_and_limit(request.query_params)
        projects = caller(request).projects.counted()
        found, total_count = projects[offset : offset + limit], caller(request).projects.count()
        has_more = offset + len(found) < total_count
        body = {
            "projects": [shown(project) for project in found],
            "pagination": page(total_count, offset, limit, has_more),
        }
        return Response(body)

    @extend_schema(
        operation_id="create_project",
        parameters=[IDEMPOTENCY_KEY],
        request=NewProjectSerializer,
        responses={201: ProjectSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Without sessions."""
        form = valid(NewProjectSerializer, request)
        project = caller(request).projects.create(**form.validated_data)
        return Response(shown(self.project(project.pk)), status=201)

    @extend_schema(operation_id="get_project", parameters=[PROJECT], responses=ProjectSerializer)
    def retrieve(self, request: Request, project_id: UUID) -> Response:
        """With its instructions."""
        return Response(shown(self.project(project_id)))

    @extend_schema(
        operation_id="change_project",
        parameters=[PROJECT],
        request=ProjectChangesSerializer,
        responses=ProjectSerializer,
    )
    def partial_update(self, request: Request, project_id: UUID) -> Response:
        """Changes what is given and leaves the rest; so does null."""
        project = self.project(project_id)
        form = ProjectChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data:
            project.configure(**form.validated_data)
        return Response(shown(project))

    @extend_schema(operation_id="delete_project", parameters=[PROJECT], responses={200: ProjectDeletedSerializer})
    def destroy(self, request: Request, project_id: UUID) -> Response:
        """Its sessions stay, without a project."""
        self.project(project_id).remove()
        return Response(DONE | {"message": "The project is deleted; its sessions are kept."})

    def project(self, project_id: UUID) -> Project:
        return caller(self.request).projects.counted().get(pk=project_id)


def shown(project: Project) -> dict[str, Any]:
    body: dict[str, Any] = ProjectSerializer(project).data
    return body
