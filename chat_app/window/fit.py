"""Whether what a person says can fit into a model's window at all."""

from collections.abc import Sequence

from chatjuicer.api.exceptions import ApiError
from sessions_app.catalogue import context_window

from .tokens import TOKENS_PER_ITEM, count

INSTRUCTIONS_AND_TOOLS = 2_500  # tokens that are sent with every message; of a small window half its room at most


class MessageTooLarge(ApiError):
    status_code = 413
    code = "message_too_large"

    def __init__(self, tokens: int, most: int) -> None:
        super().__init__(f"The message has about {tokens} tokens; this model can be given {most} at once.")


def most_at_once(model: str) -> int:
    """In tokens, of what one message may have."""
    room = context_window(model).trigger_tokens
    return room - min(INSTRUCTIONS_AND_TOOLS, room // 2)


def require_fit(texts: Sequence[str], model: str) -> None:
    """Of texts that are answered together. Raises MessageTooLarge. Counts only where the bytes do not tell."""
    most = most_at_once(model)
    if sum(len(text.encode(errors="replace")) + TOKENS_PER_ITEM for text in texts) <= most:
        return
    tokens = sum(count(text) + TOKENS_PER_ITEM for text in texts)
    if tokens > most:
        raise MessageTooLarge(tokens, most)
