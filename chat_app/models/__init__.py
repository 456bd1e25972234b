from .approval import Approval
from .event import Event
from .run import Run

__all__ = ["Approval", "Event", "Run"]
