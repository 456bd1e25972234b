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


class TooMany(ApiError):
    status_code = 409
    code = "too_many"
    message = "There are as many as there may be; delete one first."


class NameStays(ApiError):
    status_code = 409
    code = "name_stays"
    message = "Its name cannot change: sessions of other people have chosen it by that name."


class MadeForAll(ApiError):
    status_code = 403
    code = "made_for_all"
    message = "Only administrators make and change what is for all."


class ServerNotAllowed(ApiError):
    status_code = 403
    code = "server_not_allowed"
    message = "Your groups do not allow MCP servers of your own."
