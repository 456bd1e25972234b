from chat_app.log.event import Event

from .approval import Approval
from .run import Run
from .started import Started

__all__ = ["Approval", "Event", "Run", "Started"]
