"""Tool calls that a person decides on, as they are handed from the agent to the rows and back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A tool call that waits for a person's decision."""

    id: str
    name: str
    arguments: str  # a JSON object


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """A person's decision on a tool call."""

    call_id: str
    approved: bool
    reason: str = ""
