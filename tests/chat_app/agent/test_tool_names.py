"""The names of the tools, which are told before the agent is loaded."""

from chat_app.agent.tools import TOOLS
from chat_app.tool_names import TOOL_NAMES


def test_each_tool_is_named_and_no_other() -> None:
    assert tuple(tool.name for tool in TOOLS) == TOOL_NAMES
