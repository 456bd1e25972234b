from rest_framework import status

from chatjuicer.api.exceptions import ApiError, Unavailable


class InvalidName(ApiError):
    code = "invalid_name"
    message = "This is not a name a file can have."


class NoSuchFile(ApiError):
    status_code = status.HTTP_404_NOT_FOUND
    code = "not_found"
    message = "Not found."


class FileReplaced(NoSuchFile):
    """It was given other bytes since its row was read."""


class OutOfRange(ApiError):
    """No byte of the file is in the Range that was asked for."""

    status_code = status.HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE
    code = "range_not_satisfiable"
    message = "The file has no such part."

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}


class FileTooLarge(ApiError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    code = "file_too_large"
    message = "The file is too large."


class QuotaExceeded(ApiError):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    code = "quota_exceeded"
    message = "There is no room left for your files and messages; delete some first."


class SizeMismatch(ApiError):
    code = "size_mismatch"
    message = "The number of bytes is not the one that was announced."


class NotUploaded(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "not_uploaded"
    message = "The bytes have not been uploaded."


class UploadExpired(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "upload_expired"
    message = "The upload took too long; begin it again."


class FileChanged(ApiError):
    status_code = status.HTTP_409_CONFLICT
    code = "file_changed"
    message = "The file was changed meanwhile."


class FileDamaged(ApiError):
    """What the storage has is not what was stored, or not all of it."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    code = "file_damaged"
    message = "The file is damaged: the storage has other bytes than those that were stored."


class FileUnreadable(FileDamaged):
    """What sealed it is no longer among the settings' keys."""

    message = "The file cannot be read: the key that encrypted it is not there any more."


class StorageUnavailable(Unavailable):
    """The place of the bytes failed, or did not answer in time."""

    message = "The storage of files does not answer right now."
    retry_after = 5
