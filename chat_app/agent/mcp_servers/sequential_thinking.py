"""An MCP server with one tool to think aloud with, step by step. It remembers nothing: the steps stand in the
conversation, and one process may serve everybody.

    python -m chat_app.agent.mcp_servers.sequential_thinking
"""

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.types import ToolAnnotations
from pydantic import Field

server = MCPServer("sequential-thinking", log_level="ERROR")
Number = Annotated[int, Field(ge=1)]


@server.tool(
    title="Sequential thinking",
    annotations=ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
)
def sequentialthinking(
    thought: Annotated[str, Field(description="The thought of this step.")],
    nextThoughtNeeded: Annotated[bool, Field(description="Whether another step is needed.")],  # noqa: N803 - known so
    thoughtNumber: Annotated[Number, Field(description="Number of this step, from 1.")],  # noqa: N803
    totalThoughts: Annotated[Number, Field(description="How many steps it may take; may change.")],  # noqa: N803
    isRevision: Annotated[bool, Field(description="Whether it changes an earlier thought.")] = False,  # noqa: N803
    revisesThought: Annotated[Number | None, Field(description="Which one.")] = None,  # noqa: N803
    branchFromThought: Annotated[Number | None, Field(description="Where another way begins.")] = None,  # noqa: N803
    branchId: Annotated[str | None, Field(description="Name of that way.")] = None,  # noqa: N803
    needsMoreThoughts: Annotated[bool, Field(description="Whether more steps are needed than was thought.")] = False,  # noqa: N803
) -> dict[str, Any]:
    """Think a hard problem through in numbered steps before you answer: plan, try, doubt, revise an earlier step or
    branch off from it. Say one step with each call, and stop when you are sure of the answer."""
    return {
        "thoughtNumber": thoughtNumber,
        "totalThoughts": max(totalThoughts, thoughtNumber),
        "nextThoughtNeeded": nextThoughtNeeded or needsMoreThoughts,
        **({"branchId": branchId} if branchId else {}),
        **({"revised": revisesThought} if isRevision and revisesThought else {}),
    }


if __name__ == "__main__":
    server.run("stdio")
