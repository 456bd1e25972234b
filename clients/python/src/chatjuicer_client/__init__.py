"""A client of Chat Juicer servers: `Client`, or `AsyncClient` for asyncio. `python -m chatjuicer_client` is for
terminals."""

from chatjuicer_client.client import AsyncClient
from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.events import (
    AccountEvent,
    ApprovalRequest,
    AwaitingApproval,
    Ended,
    Event,
    MessageCreated,
    MessagePinned,
    PathChanged,
    Reasoning,
    Resync,
    RunFailed,
    SessionUpdated,
    Started,
    Status,
    Text,
    ToolCall,
    ToolCallArguments,
    Usage,
)
from chatjuicer_client.exchange import Answer, AsyncExchange
from chatjuicer_client.session import AsyncSession
from chatjuicer_client.shapes import FileEntry, Found, ImportReport, Message, SessionInfo
from chatjuicer_client.stores import FileStore, MemoryStore, Tokens, TokenStore
from chatjuicer_client.sync import Client, Exchange, Session
from chatjuicer_client.unsent import UnsentMessage, UnsentMessages

__version__ = "0.1.0"

__all__ = [
    "AccountEvent",
    "Answer",
    "ApprovalRequest",
    "AsyncClient",
    "AsyncExchange",
    "AsyncSession",
    "AwaitingApproval",
    "ChatJuicerError",
    "Client",
    "Ended",
    "Event",
    "Exchange",
    "FileEntry",
    "FileStore",
    "Found",
    "ImportReport",
    "MemoryStore",
    "Message",
    "MessageCreated",
    "MessagePinned",
    "PathChanged",
    "Reasoning",
    "Resync",
    "RunFailed",
    "Session",
    "SessionInfo",
    "SessionUpdated",
    "Started",
    "Status",
    "Text",
    "TokenStore",
    "Tokens",
    "ToolCall",
    "ToolCallArguments",
    "UnsentMessage",
    "UnsentMessages",
    "Usage",
    "__version__",
]
