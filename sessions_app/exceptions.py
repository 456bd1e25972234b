"""What may be wrong with a conversation, each with its code."""

from chatjuicer.api.exceptions import ApiError


class NotToBeCopied(ApiError):
    status_code = 409
    code = "not_to_be_copied"
    message = "The page was made by an older version of the server: share the conversation again."


class SessionInactive(ApiError):
    status_code = 409
    code = "session_inactive"
    message = "The session is not active: it can be read, and takes messages when it is active again."
