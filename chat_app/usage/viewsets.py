"""What calls of models took, over REST: one's own, those of one run, and, for administrators, those of all."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chat_app.models import Budget, CallUsage
from chat_app.models.budget import next_day
from chat_app.models.usage import total_of
from chatjuicer.accounts.rights import AdministratorViewSet
from chatjuicer.api.fields import DAY_OR_TIME
from chatjuicer.api.snapshot import snapshot
from chatjuicer.api.times import between, rfc3339
from files_app.models import StorageUsage
from sessions_app.viewsets import SESSION, SessionView, caller

from .serializers import (
    WAYS,
    WAYS_OF_ALL,
    AllUsageQuerySerializer,
    AllUsageSerializer,
    RunUsageSerializer,
    UsageQuerySerializer,
    UsageSerializer,
)

MAX_CALLS = 200  # of a run, in one answer
MAX_ROWS = 100  # models, or users, in the sums of all
RUN = OpenApiParameter("run_id", UUID, OpenApiParameter.PATH)
DAYS = (
    OpenApiParameter("from", DAY_OR_TIME, description="The first day (UTC), or a time."),
    OpenApiParameter("to", DAY_OR_TIME, description="The last day, or a time."),
)


class UsageViewSet(SessionView, ViewSet):
    @extend_schema(
        operation_id="get_usage",
        parameters=[
            *DAYS,
            OpenApiParameter("by", {"type": "string", "enum": list(WAYS), "default": "day"}),
        ],
        responses=UsageSerializer,
    )
    def list(self, request: Request) -> Response:
        """What the calls of models took that were made for the caller; what budgets leave them for today, and how much
        of their room is taken."""
        asked = asked_for(UsageQuerySerializer, request)
        rows = CallUsage.objects.filter(between(asked.get("from"), asked.get("to")), user=caller(request))
        found = CallUsage.objects.report(rows, asked["by"])
        taken = StorageUsage.objects.taken(caller(request).pk)
        storage = {"file_bytes": taken.files, "message_bytes": taken.messages, "quota_bytes": settings.USER_QUOTA_BYTES}
        left = Budget.objects.left_of(caller(request).pk)
        usage = {"rows": found, "total": total_of(found), "budgets": left, "budgets_until": rfc3339(next_day())}
        return Response(usage | {"storage": storage})


class RunUsageViewSet(SessionView, ViewSet):
    @extend_schema(operation_id="get_run_usage", parameters=[SESSION, RUN], responses=RunUsageSerializer)
    def retrieve(self, request: Request, key: str, run_id: UUID) -> Response:
        """What the calls of models took that a run made for its answer, whatever became of it, and their sum. The first
        200 calls are told one by one. What its searches asked a model for vectors is the user's, and no run's."""
        session = self.session(key)
        run = session.runs.filter(pk=run_id).defer("state").first()
        if run is None:
            raise NotFound()
        rows = CallUsage.objects.of_runs(session.owner_id, [run])
        calls = list(rows.order_by("created_at", "pk")[: MAX_CALLS + 1])
        return Response(
            {
                "calls": [call.representation() for call in calls[:MAX_CALLS]],
                "has_more": len(calls) > MAX_CALLS,
                "total": total_of(CallUsage.objects.report(rows, "model")),
                "went_on": run.continues is not None,
            }
        )


class AllUsageViewSet(AdministratorViewSet):
    rights: ClassVar[dict[str, str]] = {"list": "chat_app.view_callusage"}

    @extend_schema(
        operation_id="get_all_usage",
        parameters=[
            *DAYS,
            OpenApiParameter("by", {"type": "string", "enum": list(WAYS_OF_ALL), "default": "day"}),
            OpenApiParameter("user", UUID, description="Of this one alone."),
        ],
        responses=AllUsageSerializer,
    )
    def list(self, request: Request) -> Response:
        """What the calls of models took that were made for anybody, in 30 days where `from` does not say, and in the
        last 366 before `to` at most: by day, or of the 100 models, or users by their e-mail address, with most tokens.
        The total has all. For administrators."""
        asked = asked_for(AllUsageQuerySerializer, request)
        rows = CallUsage.objects.filter(between(asked["from"], asked["to"]))
        if "user" in asked:
            rows = rows.filter(user=asked["user"])
        with snapshot():
            by_day = CallUsage.objects.report(rows, "day")
            found = by_day if asked["by"] == "day" else CallUsage.objects.report(rows, asked["by"], MAX_ROWS)
        return Response({"rows": found, "total": total_of(by_day)})


def asked_for(form_class: type[UsageQuerySerializer], request: Request) -> dict[str, Any]:
    form = form_class(data=request.query_params.dict())  # a form's empty field would be none
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)
