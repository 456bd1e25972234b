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


class NameTaken(ApiError):
    status_code = 409
    code = "name_taken"
    message = "There is one of this name already."


class TooMany(ApiError):
    status_code = 409
    code = "too_many"
    message = "There are as many as there can be."


class NameStays(ApiError):
    status_code = 409
    code = "name_stays"
    message = "Anybody's sessions have chosen it by its name, which stays."


class MadeForAll(ApiError):
    status_code = 403
    code = "made_for_all"
    message = "What is for all, only administrators make and change."


class ServerNotAllowed(ApiError):
    status_code = 403
    code = "server_not_allowed"
    message = "Your groups do not allow MCP servers of your own."
