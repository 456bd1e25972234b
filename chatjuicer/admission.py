"""Who may send a large body. It is written down before a view sees the request, so who sends it is asked first."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from rest_framework.request import Request

from chatjuicer.accounts.authentication import TokenAuthentication
from chatjuicer.accounts.exceptions import InvalidToken
from files_app.exceptions import NoSuchFile
from files_app.links import upload_of
from files_app.models import Upload

FREE_BYTES = 256 * 1024
"""Anybody may send that many: to sign in, or to be told why not."""

PUT = "/api/files/put/"


def refusal(request: HttpRequest) -> int | None:
    """The status that the request, of which the body is not read, is refused with. Uses the ORM."""
    path = request.path_info.rstrip("/")
    try:
        if path.startswith(PUT):
            return None if Upload.objects.open().filter(pk=upload_of(path.removeprefix(PUT))).exists() else 404
        if not path.startswith("/api/") or path.startswith("/api/auth/"):
            return 413
        return None if TokenAuthentication().authenticate(Request(request)) else 401
    except NoSuchFile:
        return 404
    except InvalidToken:
        return 401
    except (OperationalError, InterfaceError):
        return None  # the view will say that the database does not answer
