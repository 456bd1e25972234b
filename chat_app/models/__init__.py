from chat_app.log.event import Event

from .approval import Approval
from .budget import Budget
from .message_vector import MessageVector, VectorMark
from .notice import Notice
from .provider import ModelProvider
from .push_subscription import PushSubscription
from .run import Run, Started
from .usage import CallUsage
from .webhook import Webhook

__all__ = [
    "Approval",
    "Budget",
    "CallUsage",
    "Event",
    "MessageVector",
    "ModelProvider",
    "Notice",
    "PushSubscription",
    "Run",
    "Started",
    "VectorMark",
    "Webhook",
]
