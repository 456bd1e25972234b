from .context import ContextItem
from .draft import MessageDraft
from .message import Message
from .packed import PackedHistory, pack_too
from .project import Project
from .session import ChatSession
from .sessions import NATIVE
from .statements import update_returning
from .tally import SessionTally

__all__ = [
    "NATIVE",
    "ChatSession",
    "ContextItem",
    "Message",
    "MessageDraft",
    "PackedHistory",
    "Project",
    "SessionTally",
    "pack_too",
    "update_returning",
]

pack_too(Message, "position")
pack_too(ContextItem, "position")
