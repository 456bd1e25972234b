"""What may be wrong with a conversation, each with its code."""

from chatjuicer.api.exceptions import ApiError


class SessionInactive(ApiError):
    status_code = 409
    code = "session_inactive"
    message = "The session is not active: it can be read, and takes messages when it is active again."


class AttachmentsUnsupported(ApiError):
    status_code = 400
    code = "attachments_unsupported"
    message = "This server keeps no files, so that a message cannot have images or documents."
