"""What may go wrong with talking, each with its code."""

from chatjuicer.api.exceptions import ApiError


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


class ApprovalGone(ApiError):
    status_code = 404
    code = "not_found"
    message = "Nothing waits under this approval_id."


class TooManySockets(ApiError):
    status_code = 429
    code = "too_many_sockets"
    message = "Too many streams are open."
    retry_after = 5


class SessionGone(ApiError):
    status_code = 404
    code = "not_found"
    message = "The session does not exist."
