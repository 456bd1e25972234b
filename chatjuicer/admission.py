"""Who may send a large body. The server stores it before a view sees the request, so the sender is checked first."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from rest_framework.request import Request

from chatjuicer.accounts.authentication import TokenAuthentication
from chatjuicer.accounts.exceptions import InvalidToken
from files_app.exceptions import NoSuchFile
from files_app.links import upload_of
from files_app.models import Upload

FREE_BYTES = 256 * 1024
"""Of a body that anybody may send: enough to sign in, or to get an error that says what is wrong."""

PUT = "/api/files/put/"


def needs_credentials(path: str) -> bool:
    """Whether the view at this path refuses a request without credentials, whatever its body."""
    return path.startswith("/api/") and not path.startswith(("/api/auth/", "/api/v1/auth/"))


def admits(request: HttpRequest) -> bool:
    """Whether the request has valid credentials. Its body is not read. Uses the ORM."""
    path = request.path_info.rstrip("/")
    try:
        if path.startswith(PUT):
            return Upload.objects.open().filter(pk=upload_of(path.removeprefix(PUT))).exists()
        return needs_credentials(path) and TokenAuthentication().authenticate(Request(request)) is not None
    except (NoSuchFile, InvalidToken):
        return False
    except (OperationalError, InterfaceError):
        return True  # the view will say that the database does not answer
