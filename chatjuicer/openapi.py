"""What drf-spectacular is told of the OpenAPI document as a whole. What views add to it: api/schema.py."""

from typing import Any


def openapi_document(version: str) -> dict[str, Any]:
    return {
        "TITLE": "Chat Juicer",
        "VERSION": version,
        "OAS_VERSION": "3.1.1",
        "SERVE_INCLUDE_SCHEMA": False,
        "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
        "SERVE_AUTHENTICATION": [],
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        "SCHEMA_PATH_PREFIX": "/api",
        "COMPONENT_SPLIT_REQUEST": True,
        # The serializers of a PATCH say themselves what may be left out.
        "COMPONENT_SPLIT_PATCH": False,
        "ENUM_NAME_OVERRIDES": {
            "AccountRole": "chatjuicer.accounts.models.user.Role",
            "AuthorRole": ["user", "assistant", "system"],
            "MessageStatus": "sessions_app.models.message.Message.Status",
            "MessageRole": "sessions_app.models.message.Message.Role",
            "ReasoningEffort": "sessions_app.catalogue.REASONING_EFFORTS",
            "NoticeType": "chat_app.models.notice.Notice.Type",
            "EntryType": ["file", "folder"],
            "PushedType": ["answer_ready", "answer_failed", "approval_waiting"],
            "ProviderKind": "sessions_app.providers.kinds.KIND_NAMES",
            "AgentOrigin": ["own", "shared", "built_in"],
            "SessionState": "sessions_app.serializers.STATES",
            "ExportState": "files_app.models.export.Export.State",
            "PromptOrigin": ["own", "shared"],
            "OnBusy": ["queue", "reject", "interrupt"],
            "OnBusyElsewhere": ["interrupt", "reject"],
        },
        "TAGS": [
            {"name": "MAI", "description": "For the MAI client: the caller's sessions, latest change first."},
            {
                "name": "Today's client",
                "description": "For today's Chat Juicer, desktop and web. Sessions named by their UUID are MAI's.",
            },
            {
                "name": "Agent Sparrow",
                "description": "For the support desk Agent Sparrow: a few active sessions for each type of agent.",
            },
            {
                "name": "Persona Lens",
                "description": "For Persona Lens: one account, in which each of its users has a namespace.",
            },
        ],
        "POSTPROCESSING_HOOKS": [
            "drf_spectacular.hooks.postprocess_schema_enums",
            "chatjuicer.api.schema.add_error_answers",
        ],
    }
