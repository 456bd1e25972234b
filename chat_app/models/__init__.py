from chat_app.log.event import Event

from .approval import Approval
from .provider import ModelProvider
from .run import Run, Started
from .usage import Budget, CallUsage

__all__ = ["Approval", "Budget", "CallUsage", "Event", "ModelProvider", "Run", "Started"]
