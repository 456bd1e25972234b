"""The agents, made once for the process."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from agents import Agent, AgentBase, RunContextWrapper, set_tracing_disabled

from .brief import RunBrief
from .tools import TOOLS
from .transcript import Transcript

set_tracing_disabled(True)  # nothing leaves the machine but the model call

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text(encoding="utf-8").strip()

# Parts of the instructions that change from run to run; an empty answer is left out. They stand last, so that a
# provider's prompt cache holds what is the same for everyone.
InstructionPart = Callable[[RunBrief], Awaitable[str]]
INSTRUCTION_PARTS: list[InstructionPart] = []


@lru_cache(64)  # a client chooses the name
def agent_for(agent_name: str) -> Agent[Transcript]:
    return Agent(name=agent_name or "chat", instructions=instructions, tools=list(TOOLS))


async def instructions(context: RunContextWrapper[Transcript], agent: AgentBase[Transcript]) -> str:
    changing = [await part(context.context.brief) for part in INSTRUCTION_PARTS]
    today = f"Today is {datetime.now(UTC):%A, %d %B %Y} (UTC)."
    return "\n\n".join(filter(None, [INSTRUCTIONS, *changing, today]))
