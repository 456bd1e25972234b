"""/api/agents/{id}/files: what the model can read in every session that chooses the agent."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin.models import CHANGE
from django.http.response import HttpResponseBase
from drf_spectacular.drainage import isolate_view_method
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import SAFE_METHODS

from chatjuicer.accounts.audited import note_change
from chatjuicer.accounts.models import Act
from files_app import names
from files_app.models import Holder
from files_app.serializers import AgentAnnouncementSerializer
from files_app.viewsets import FileViewSet, form_with_file
from sessions_app.agents_and_prompts.for_all import ForAllView
from sessions_app.models import Agent
from sessions_app.viewsets import caller

AGENT = OpenApiParameter("agent_id", UUID, OpenApiParameter.PATH)
NO_SESSION = OpenApiParameter("key", str, OpenApiParameter.PATH, exclude=True)
FOLDER = OpenApiParameter(
    "folder", names.AGENT_FOLDER_SCHEMA, description="`agent`, meant where nothing is said, or a folder below."
)


class AgentFileViewSet(ForAllView, FileViewSet):
    """Who sees the agent sees its files; who may change it changes them."""

    model = Agent
    not_found = (*FileViewSet.not_found, Agent.DoesNotExist)
    folders: ClassVar[tuple[str, ...]] = (names.AGENT,)

    def dispatch(self, request: Any, *args: Any, agent_id: UUID, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, key=str(agent_id), **kwargs)

    def holder(self, key: str) -> Agent:
        agent = Agent.objects.visible_to(caller(self.request).pk).get(pk=key)
        if agent.owner_id is None and self.request.method not in SAFE_METHODS:
            self.require_administrator(CHANGE)
        return agent

    def note_change(self, holder: Holder) -> None:
        if isinstance(holder, Agent) and holder.owner_id is None:
            self.note(holder, CHANGE)
            note_change(Act.SETTING_CHANGED, holder, changed=["files"])


DESCRIBED: dict[str, dict[str, Any]] = {
    "list": {"operation_id": "list_agent_files"},
    "upload": {"operation_id": "upload_agent_file", "request": form_with_file(names.AGENT_FOLDER_SCHEMA)},
    "presign_upload": {"operation_id": "presign_agent_upload", "request": AgentAnnouncementSerializer},
    "confirm": {"operation_id": "confirm_agent_upload"},
    "download": {"operation_id": "download_agent_file"},
    "presign_download": {"operation_id": "presign_agent_download"},
    "path": {"operation_id": "agent_file_path"},
    "destroy": {"operation_id": "delete_agent_file"},
    "destroy_namesake": {},
    "destroy_namesake_below": {},
}
WITHOUT_FOLDER = ("presign_upload", "confirm")
for name, described in DESCRIBED.items():
    # As `extend_schema_view` does for methods that a router knows.
    parameters = [NO_SESSION, AGENT] if name in WITHOUT_FOLDER else [NO_SESSION, AGENT, FOLDER]
    extend_schema(parameters=parameters, **described)(isolate_view_method(AgentFileViewSet, name))  # type: ignore[no-untyped-call]
