"""How sessions and messages look in JSON, over REST and in frames."""

from datetime import UTC, datetime
from typing import Any

from sessions_app.models import ChatSession, Message


def session_representation(session: ChatSession) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "session_id": session.public_id,
        "title": session.title,
        "name": session.title,
        "model": session.model,
        "model_id": session.model,
        "reasoning_effort": session.reasoning_effort,
        "mcp_config": session.mcp_config,
        "agent_name": session.agent_name,
        "metadata": session.metadata,
        "pinned": session.pinned,
        "archived": session.archived,
        "is_active": session.is_active,
        "is_named": session.is_named,
        "message_count": session.message_count,
        "total_tokens": session.total_tokens,
        "tokens": session.context_tokens,
        "max_tokens": session.max_tokens,
        "trigger_tokens": session.trigger_tokens,
        "last_message_preview": session.last_message_preview,
        "last_seq": session.last_seq,
        "created_at": rfc3339(session.created_at),
        "updated_at": rfc3339(session.updated_at),
        "last_used_at": rfc3339(session.last_used_at),
    }


def message_representation(message: Message, public_id: str) -> dict[str, Any]:
    return {
        "id": str(message.pk),
        "session_id": public_id,
        "position": message.position,
        "role": message.role,
        "content": message.content,
        "status": message.status,
        "partial": message.partial,
        "tool_call_id": message.tool_call_id,
        "tool_name": message.tool_name,
        "tool_arguments": message.tool_arguments,
        "tool_result": message.tool_result,
        "tool_success": message.tool_success,
        # The same by the names that a `tool_call` frame has them: the first desktop client reads no others.
        "call_id": message.tool_call_id,
        "name": message.tool_name,
        "arguments": message.tool_arguments,
        "result": message.tool_result,
        "success": message.tool_success,
        "token_count": message.token_count,
        "model": message.model,
        "model_id": message.model,
        "agent_name": message.agent_name,
        "response_time_ms": message.response_time_ms,
        "is_error": message.is_error,
        "metadata": message.metadata,
        "run_id": str(message.run_id) if message.run_id else None,
        "created_at": rfc3339(message.created_at),
    }


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
