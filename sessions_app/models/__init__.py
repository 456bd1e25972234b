from .context import ContextItem
from .draft import MessageDraft
from .message import Message
from .session import NATIVE, ChatSession
from .statements import update_returning
from .tally import SessionTally

__all__ = [
    "NATIVE",
    "ChatSession",
    "ContextItem",
    "Message",
    "MessageDraft",
    "SessionTally",
    "update_returning",
]
