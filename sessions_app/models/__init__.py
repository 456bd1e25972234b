from .account_log import AccountEvent, AccountLog, together, unnoted
from .addition import Addition
from .agent import Agent
from .agent_changes import change_agent
from .compaction import Compaction, CompactionDraft
from .context import ContextItem
from .draft import MessageDraft, MessageError
from .mcp_server import McpServer
from .message import Message
from .packed import PackedHistory
from .project import Project
from .prompt import Prompt
from .search_entry import SearchEntry
from .segment import PackedSegment, pack_too
from .session import ChatSession
from .session_row import IDLE
from .sessions import NATIVE, known
from .share import Share
from .statements import Writes, update_returning
from .tally import SessionTally

__all__ = [
    "IDLE",
    "NATIVE",
    "AccountEvent",
    "AccountLog",
    "Addition",
    "Agent",
    "ChatSession",
    "Compaction",
    "CompactionDraft",
    "ContextItem",
    "McpServer",
    "Message",
    "MessageDraft",
    "MessageError",
    "PackedHistory",
    "PackedSegment",
    "Project",
    "Prompt",
    "SearchEntry",
    "SessionTally",
    "Share",
    "Writes",
    "change_agent",
    "known",
    "pack_too",
    "together",
    "unnoted",
    "update_returning",
]

pack_too(Message, "position")
pack_too(ContextItem, "position")
