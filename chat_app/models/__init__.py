from .event import Event
from .run import Run

__all__ = ["Event", "Run"]
