"""What can go wrong in a conversation, each with its code.

What concerns the context of the model alone stands beside it: `compaction.py`, `window/fit.py`, `agent/summarize.py`.
"""

from chatjuicer.api.exceptions import ApiError
from sessions_app.models import ChatSession


class BadFrame(ApiError):
    status_code = 400
    code = "bad_frame"
    message = "The frame is not valid."


class RunActive(ApiError):
    status_code = 409
    code = "run_active"
    message = "The session is already answering."


class QueueFull(ApiError):
    status_code = 429
    code = "queue_full"
    message = "Too many messages wait in this session."
    retry_after = 5


class TooManyRuns(ApiError):
    status_code = 429
    code = "too_many_runs"
    message = "Too many of your messages wait for an answer."
    retry_after = 5


class BudgetSpent(ApiError):
    status_code = 403
    code = "budget_spent"
    message = "Today's budget for models is used up; it starts again at midnight (UTC)."


class KeyNeeded(ApiError):
    code = "key_needed"
    message = "Enter the key again: it is not sent to another address by itself."


class UnreadableKey(ApiError):
    status_code = 409
    code = "unreadable_key"
    message = "The key of this provider cannot be read any more; enter it again."


class ApprovalGone(ApiError):
    status_code = 404
    code = "not_found"
    message = "There is no tool call with this approval_id that waits for a decision."


class MessageGone(ApiError):
    status_code = 404
    code = "not_found"
    message = "There is no such message in this session."


class NothingToRegenerate(ApiError):
    status_code = 409
    code = "nothing_to_regenerate"
    message = "This message is neither an answer nor words that could be answered."


class NothingToContinue(ApiError):
    status_code = 409
    code = "nothing_to_continue"
    message = "The last answer was not cut short."


class NotWords(ApiError):
    status_code = 400
    code = "not_a_users_message"
    message = "Only a user's message can be edited."


class NotSpoken(ApiError):
    status_code = 400
    code = "not_spoken"
    message = "Only what a person or the model has said can be pinned."


class TooMuchPinned(ApiError):
    status_code = 413
    code = "too_much_pinned"


class TooManySockets(ApiError):
    status_code = 429
    code = "too_many_sockets"
    message = "Too many streams are open."
    retry_after = 5


class TooManyWebhooks(ApiError):
    status_code = 409
    code = "too_many_webhooks"
    message = "The account has as many webhooks as it may have; delete one first."


class TooManySubscriptions(ApiError):
    status_code = 409
    code = "too_many_subscriptions"
    message = "The account has as many browsers to notify as it may have; remove one first."


class AttemptGone(ApiError):
    status_code = 404
    code = "attempt_gone"
    message = "This authorization is unknown, or it took too long: connect the server again."


class NotAuthorized(ApiError):
    status_code = 409
    code = "not_authorized"
    message = "The server was not authorized: you, or its authorization server, refused."


class SessionGone(ApiError):
    status_code = 404
    code = "not_found"
    message = "The session does not exist."


class LeaseLost(Exception):
    """The run has ended or belongs to another process: this process may write nothing more for it. Not an answer to a
    client: it ends the task that executes the run."""


class SessionPacked(Exception):
    """The session is packed. It is unpacked outside of a transaction that others share, and asked again. Not an answer
    to a client."""

    def __init__(self, session: ChatSession) -> None:
        super().__init__()
        self.session = session
