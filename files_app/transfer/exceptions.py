from chatjuicer.api.exceptions import ApiError


class UnreadableArchive(ApiError):
    """Nothing was changed."""

    code = "unreadable_archive"
    message = "This is no archive that can be read here, or it is damaged."
