from chatjuicer.api.exceptions import ApiError


class UnreadableArchive(ApiError):
    """Nothing was changed."""

    code = "unreadable_archive"
    message = "This is no archive that can be read here, or it is damaged."


class ImportsBusy(ApiError):
    status_code = 429
    code = "throttled"
    message = "Other imports are under way; try again when they have ended."
    retry_after = 10
