"""What was left out of a tool's result to save room is kept, and can be read."""

from uuid import UUID

from chat_app.database import in_database
from chat_app.window.shorten import text_of_output
from sessions_app.models import ContextItem

from .tool import Context, ToolFailure, done, tool

MAX_CHARS = 12_000  # of one result


@tool
async def read_result(context: Context, number: int, start: int = 0) -> str:
    """An earlier tool result of which a part was left out to save room.

    Args:
        number: The one that stands where something was left out.
        start: From which character on.
    """
    text = await in_database(_result, context.context.request.session_pk, number)
    if not 0 <= start <= len(text):
        raise ToolFailure(f"start is a number from 0 to {len(text)}.")
    part = text[start : start + MAX_CHARS]
    end = start + len(part)
    more = {"note": f"Read on with start={end}."} if end < len(text) else {}
    return done(number=number, characters=len(text), start=start, content=part, **more)


def _result(session_pk: UUID, position: int) -> str:
    """Raises ToolFailure."""
    visible = ContextItem.objects.filter(session=session_pk, visible=True)
    item = next((row.value for row in visible.filter(position=position)), {})
    if item.get("type") != "function_call_output":
        raise ToolFailure("There is no result of that number in this conversation.")
    return text_of_output(item)
