from .context import ContextItem
from .draft import MessageDraft
from .message import Message
from .packed import PackedHistory, layer
from .session import NATIVE, ChatSession
from .statements import update_returning
from .tally import SessionTally

__all__ = [
    "NATIVE",
    "ChatSession",
    "ContextItem",
    "Message",
    "MessageDraft",
    "PackedHistory",
    "SessionTally",
    "layer",
    "update_returning",
]

layer(Message, "position")
layer(ContextItem, "position")
