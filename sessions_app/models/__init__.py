from .context import ContextItem
from .draft import MessageDraft
from .message import Message
from .packed import PackedHistory
from .segment import PackedSegment, pack_too
from .session import IDLE, ChatSession
from .sessions import NATIVE
from .statements import update_returning
from .tally import SessionTally

__all__ = [
    "IDLE",
    "NATIVE",
    "ChatSession",
    "ContextItem",
    "Message",
    "MessageDraft",
    "PackedHistory",
    "PackedSegment",
    "SessionTally",
    "pack_too",
    "update_returning",
]

pack_too(Message, "position")
pack_too(ContextItem, "position")
