"""Short-lived signed addresses: whoever has one needs no other credentials."""

from uuid import UUID

from django.core import signing
from django.http import HttpRequest
from django.utils.http import content_disposition_header

from files_app import kinds
from files_app.exceptions import NoSuchFile
from files_app.models import File, Upload
from files_app.models.upload import LIFETIME
from files_app.storage import file_storage

DOWNLOAD_LIFETIME_S = 15 * 60
UPLOAD_LIFETIME_S = int(LIFETIME.total_seconds())

_uploads = signing.TimestampSigner(salt="files_app.put")
_downloads = signing.TimestampSigner(salt="files_app.get")


def upload_url(request: HttpRequest, upload: Upload) -> str:
    url = file_storage().upload_url(upload.storage_key, upload.size_bytes, UPLOAD_LIFETIME_S)
    return url or absolute(request, f"/api/files/put/{_uploads.sign(upload.pk.hex)}")


def download_url(request: HttpRequest, file: File) -> str:
    url = file_storage().download_url(
        file.storage_key, disposition(file), kinds.harmless(file.content_type), DOWNLOAD_LIFETIME_S
    )
    return url or absolute(request, f"/api/files/get/{_downloads.sign(file.pk.hex)}")


def upload_of(token: str) -> UUID:
    """The id of the upload that the token is for. Raises NoSuchFile for a token that is wrong or too old."""
    return unsigned(_uploads, token, UPLOAD_LIFETIME_S)


def file_of(token: str) -> UUID:
    """The id of the file that the token is for. Raises NoSuchFile likewise."""
    return unsigned(_downloads, token, DOWNLOAD_LIFETIME_S)


def unsigned(signer: signing.TimestampSigner, token: str, lifetime_s: int) -> UUID:
    try:
        return UUID(signer.unsign(token, max_age=lifetime_s))
    except signing.BadSignature:
        raise NoSuchFile() from None


def absolute(request: HttpRequest, path: str) -> str:
    url = request.build_absolute_uri(path)
    # Behind a proxy that ends TLS. A client that makes the header up gets a wrong address, and nobody else does.
    if request.headers.get("X-Forwarded-Proto") == "https":
        url = url.replace("http://", "https://", 1)
    return url


def disposition(file: File) -> str:
    return content_disposition_header(True, file.basename) or "attachment"
