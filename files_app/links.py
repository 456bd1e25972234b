"""Short-lived signed addresses: whoever has one needs no other credentials. They end with the sign-in that asked."""

from uuid import UUID

from django.core import signing
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from chatjuicer.accounts.authentication import credentials_of, mark_alive, mark_of
from chatjuicer.api.addresses import absolute
from files_app import kinds
from files_app.exceptions import NoSuchFile
from files_app.models import Export, File, Upload
from files_app.models.upload import LIFETIME
from files_app.storage import file_storage

DOWNLOAD_LIFETIME_S = 15 * 60
UPLOAD_LIFETIME_S = int(LIFETIME.total_seconds())

_uploads = signing.TimestampSigner(salt="files_app.put")
_downloads = signing.TimestampSigner(salt="files_app.get")


def upload_url(request: Request, upload: Upload) -> str:
    url = file_storage().upload_url(upload.storage_key, upload.size_bytes, UPLOAD_LIFETIME_S)
    return url or absolute(request, f"/api/files/put/{signed(_uploads, upload.pk, request)}")


def download_url(request: Request, file: File) -> str:
    url = file_storage().download_url(
        file.storage_key, disposition(file), kinds.harmless(file.content_type), DOWNLOAD_LIFETIME_S
    )
    return url or absolute(request, f"/api/files/get/{signed(_downloads, file.pk, request)}")


def upload_of(token: str) -> UUID:
    """The id of the upload that the token is for. Raises NoSuchFile for a token that is wrong or too old."""
    return unsigned(_uploads, token, UPLOAD_LIFETIME_S)


def file_of(token: str) -> UUID:
    """The id of the file that the token is for. Raises NoSuchFile for a token that is wrong or too old."""
    return unsigned(_downloads, token, DOWNLOAD_LIFETIME_S)


def signed(signer: signing.TimestampSigner, pk: UUID, request: Request) -> str:
    return signer.sign(f"{pk.hex}.{mark_of(credentials_of(request))}")


def unsigned(signer: signing.TimestampSigner, token: str, lifetime_s: int) -> UUID:
    try:
        pk, _, mark = signer.unsign(token, max_age=lifetime_s).partition(".")
        if mark_alive(mark):
            return UUID(pk)
    except (signing.BadSignature, ValueError):  # the latter: signed by an older version
        pass
    raise NoSuchFile()


def disposition(file: File | Export) -> str:
    return content_disposition_header(True, file.basename) or "attachment"
