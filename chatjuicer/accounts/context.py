"""What the work in hand is about; chatjuicer.logs writes it into each line."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
session_id: ContextVar[str] = ContextVar("session_id", default="")
run_id: ContextVar[str] = ContextVar("run_id", default="")
