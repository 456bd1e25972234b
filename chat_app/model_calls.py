"""What one call of a model took, as it is handed from the agent to the rows."""

from dataclasses import dataclass
from typing import Literal

Purpose = Literal["answer", "summary", "title", "embedding", "query"]
CallOutcome = Literal["completed", "length", "interrupted", "failed"]


BYTES_PER_TOKEN = 4  # an estimate, for providers that do not count

EMBEDDING: Purpose = "embedding"
"""Texts of files, and messages, as vectors."""

QUERY: Purpose = "query"
"""Of a search among them, as a vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """`input_tokens` include those that the provider had cached, `output_tokens` those of reasoning. `estimated`: the
    provider did not count, or was cut off before it could."""

    model: str
    purpose: Purpose
    outcome: CallOutcome
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    first_word_ms: int | None
    duration_ms: int
