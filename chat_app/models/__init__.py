from chat_app.log.event import Event

from .approval import Approval
from .run import Run, Started

__all__ = ["Approval", "Event", "Run", "Started"]
